/** NICs of the host that namespaces have for themselves, until they are taken back or their namespace ends. */
import { rememberProcess } from '../../control/attach/netns-memory.ts';
import type { ChangeQueue } from '../../control/change-queue.ts';
import { formatInterfaceAddress, parseInterfaceAddress, parseIp } from '../../control/address-text.ts';
import { TswitchError } from '../../control/errors.ts';
import { isHome, resolveNetns } from '../../control/plumbing/netns.ts';
import type { NicRecord, NicRequest, NicsControl, NicView } from '../model.ts';
import { netnsOf } from '../names.ts';
import type { State } from '../state.ts';
import { findNic, giveNic, isGiven, stateInHost, takeBackNic, welcomeNic } from './moves.ts';

/** How often is looked whether a NIC has come back by itself, as long as one is given. */
const LOOK_MS = 1000;

export class Nics implements NicsControl {
  readonly #state: State;
  readonly #changes: ChangeQueue;
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(state: State, changes: ChangeQueue) {
    this.#state = state;
    this.#changes = changes;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  async list(): Promise<NicView[]> {
    return Promise.all(this.#nics.map(async (nic) => viewOf(nic, await isGiven(nic))));
  }

  connect(name: string, request: NicRequest): Promise<NicView> {
    return this.#changes.run(() => this.give(name, request));
  }

  disconnect(name: string): Promise<void> {
    return this.#changes.run(() => this.takeBack(name));
  }

  /** As part of a change. @throws TswitchError, and then nothing is changed */
  async give(name: string, request: NicRequest): Promise<NicView> {
    const given = this.#nics.find((nic) => nic.name === name);
    if (given) {
      throw new TswitchError(
        'NETDEV_BUSY',
        `${name} is in namespace ${given.netns} already: \`tswitch nic disconnect ${name}\` first`,
      );
    }
    const spec = netnsOf(request.container);
    const addresses = (request.addresses ?? []).map((text) => {
      return formatInterfaceAddress(parseInterfaceAddress(text, 'addresses'));
    });
    const gateway = request.gateway === undefined ? null : parseIp(request.gateway, 'gateway').toString();
    const netns = await resolveNetns(spec);
    try {
      if (isHome(netns)) throw new TswitchError('BAD_REQUEST', `${name} is in the host already: name a container`);
      const netdev = await findNic(this.#state.control, name, request.force ?? false);
      const { mac, kind } = netdev;
      const [remembered, before] = [await rememberProcess(spec), await stateInHost(netdev)];
      const nic = {
        name,
        mac,
        kind,
        netns: spec,
        ifname: request.ifname ?? name,
        addresses,
        gateway,
        remembered,
        before,
      };
      // Kept first: a daemon that is killed now knows in its next life where to look for it.
      await this.#keep([...this.#nics, nic]);
      try {
        await giveNic(netns, nic);
      } catch (error) {
        await this.#forget(nic);
        throw error;
      }
      return viewOf(nic, true);
    } finally {
      netns.close();
    }
  }

  /** As part of a change. @throws TswitchError NETDEV_NOT_FOUND, NETDEV_EXISTS */
  async takeBack(name: string): Promise<void> {
    const nic = this.#nics.find((each) => each.name === name);
    if (!nic) {
      throw new TswitchError(
        'NETDEV_NOT_FOUND',
        `${name} is in no container: \`tswitch nic ls\` shows the NICs that are`,
      );
    }
    if (!(await takeBackNic(nic))) await welcomeNic(nic);
    await this.#forget(nic);
  }

  /** Those of a namespace that ends, as part of a change. */
  async takeBackFrom(netns: string): Promise<void> {
    for (const nic of this.#nics) if (nic.netns === netns) await this.takeBack(nic.name);
  }

  has(netns: string): boolean {
    return this.#nics.some((nic) => nic.netns === netns);
  }

  /** Looks whether one came back by itself, as part of a change. */
  async welcome(): Promise<void> {
    for (const nic of this.#nics) {
      await this.#state.attempt(`NIC ${nic.name}`, async () => {
        const name = (await isGiven(nic)) ? null : await welcomeNic(nic);
        if (name === null) return;
        this.#state.log.info('NIC is back in the host', { nic: nic.name, netdev: name });
        await this.#forget(nic);
      });
    }
  }

  /** As part of a change. @param keeps whether they stay where they are for the daemon's next life */
  async close(keeps: boolean): Promise<void> {
    clearInterval(this.#timer);
    if (keeps) return;
    for (const { name } of this.#nics) await this.#state.attempt(`NIC ${name}`, () => this.takeBack(name));
  }

  get #nics(): NicRecord[] {
    return this.#state.document.nics;
  }

  async #look(): Promise<void> {
    if (this.#nics.length === 0 || this.#isLooking) return;
    this.#isLooking = true;
    await this.#changes.run(() => this.welcome());
    this.#isLooking = false;
  }

  #keep(nics: NicRecord[]): Promise<void> {
    return this.#state.commit({ ...this.#state.document, nics });
  }

  #forget(nic: NicRecord): Promise<void> {
    return this.#keep(this.#nics.filter((each) => each !== nic));
  }
}

function viewOf({ name, netns, ifname, addresses, gateway, mac }: NicRecord, isThere: boolean): NicView {
  return { name, netns, ifname, addresses, gateway, mac, state: isThere ? 'given' : 'lost' };
}
