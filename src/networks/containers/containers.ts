/**
 * Containers of `tswitch run`: a command in a network namespace of its own, in a network. The daemon makes the place and keeps
 * the record; the process is a child of whoever ran the command, never of the daemon, so it outlives it, and nobody who may
 * only use the API can have a command executed.
 */
import { randomBytes } from 'node:crypto';
import type { ChangeQueue } from '../../control/change-queue.ts';
import { TswitchError } from '../../control/errors.ts';
import { ipBatch } from '../../control/plumbing/ip.ts';
import { createNetns, resolveNetns } from '../../control/plumbing/netns.ts';
import { runTool } from '../../control/plumbing/tool.ts';
import { LIMIT_FIELDS } from '../../control/rate-limits.ts';
import { removeHosts, writeHosts } from './files.ts';
import { endProcess, isRunning, processFor } from './process.ts';
import { endpointsOf, findContainer, findNetwork, newId } from '../document.ts';
import type { Members } from '../members.ts';
import type { Nics } from '../nics/nics.ts';
import type {
  ContainerRecord,
  ContainerRequest,
  ContainersControl,
  ContainerView,
  EndpointRecord,
  EndpointView,
  NetworkRecord,
} from '../model.ts';
import { checkedLabel } from '../names.ts';
import type { State } from '../state.ts';

/** How often is looked whether a container has ended whose end matters. */
const LOOK_MS = 1000;

/** What only a member of a network can have. */
const PLACE_FIELDS = ['addresses', 'mac', 'aliases', 'links', 'publish'] as const;

export interface ContainersOptions {
  state: State;
  members: Members;
  nics: Nics;
  changes: ChangeQueue;
  view: (network: NetworkRecord, endpoint: EndpointRecord) => EndpointView;
}

export class Containers implements ContainersControl {
  readonly #options: ContainersOptions;
  readonly #timer: NodeJS.Timeout;

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tidyEnded(), LOOK_MS).unref();
  }

  list(): ContainerView[] {
    return this.#options.state.document.containers.map((container) => this.#view(container));
  }

  inspect(name: string): ContainerView {
    return this.#view(findContainer(this.#options.state.document, name));
  }

  create(request: ContainerRequest): Promise<ContainerView> {
    const { state, members, changes } = this.#options;
    const { hostname, command, network = 'bridge', autoRemove = false, nics = [], ...place } = request;
    return changes.run(async () => {
      const name = checkedLabel(request.name ?? `c-${randomBytes(4).toString('hex')}`, 'name');
      const known = findNetwork(state.document, network);
      refusePlace(known, place, nics);
      this.#refuseName(name);
      await using undo = new AsyncDisposableStack();
      const netns = known.driver === 'host' ? null : name;
      if (netns !== null) await makeNetns(netns, undo);
      if (netns !== null && known.driver === 'bridge') {
        await members.connect(known, { ...place, name, container: netns });
        undo.defer(() => members.disconnect(findNetwork(state.document, network), name));
      }
      if (netns !== null) await this.#giveNics(netns, nics, undo);
      const record: ContainerRecord = {
        id: newId(),
        name,
        created: new Date().toISOString(),
        hostname: checkedLabel(hostname ?? name, 'hostname'),
        command,
        network: known.name,
        netns,
        autoRemove,
        process: null,
      };
      if (netns !== null) {
        undo.defer(() => removeHosts(netns));
        await writeHosts(netns, [record.hostname, name], this.#addresses(netns));
      }
      await state.commit({ ...state.document, containers: [...state.document.containers, record] });
      undo.move();
      return this.#view(record);
    });
  }

  started(name: string, pid: number): Promise<ContainerView> {
    return this.#options.changes.run(async () => {
      const container = findContainer(this.#options.state.document, name);
      if (container.process !== null) {
        throw new TswitchError('CONTAINER_RUNNING', `the command of container ${container.name} was started already`);
      }
      return this.#view(await this.#replace({ ...container, process: await processFor(container.id, pid) }));
    });
  }

  async stop(name: string, seconds: number): Promise<ContainerView> {
    const container = findContainer(this.#options.state.document, name);
    await endProcess(container, seconds * 1000);
    return this.#view(container);
  }

  remove(name: string, force: boolean): Promise<void> {
    return this.#options.changes.run(async () => {
      const container = findContainer(this.#options.state.document, name);
      if (isRunning(container) && !force) {
        throw new TswitchError(
          'CONTAINER_RUNNING',
          `container ${container.name} runs: \`tswitch stop ${container.name}\` first, or remove it by force`,
        );
      }
      await this.#remove(container);
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #remove(container: ContainerRecord): Promise<void> {
    const { state, members, nics } = this.#options;
    const { id, netns } = container;
    await endProcess(container, 0);
    if (netns !== null) {
      await nics.takeBackFrom(netns);
      for (const { network } of endpointsOf(state.document, netns)) await members.disconnect(network, netns);
      await removeHosts(netns);
      await runTool('ip', ['netns', 'del', netns]);
    }
    const { containers } = state.document;
    await state.commit({ ...state.document, containers: containers.filter((each) => each.id !== id) });
  }

  /** What has ended gives its NICs back, and goes if that was asked for. */
  #tidyEnded(): void {
    const { state, changes, nics } = this.#options;
    for (const { id, netns, process: known, autoRemove } of state.document.containers) {
      const isDue = autoRemove || (netns !== null && nics.has(netns));
      if (!isDue || known === null) continue;
      void changes.run(async () => {
        const container = state.document.containers.find((each) => each.id === id);
        if (!container || isRunning(container)) return;
        await state.attempt(`container ${container.name}`, async () => {
          if (netns !== null) await nics.takeBackFrom(netns);
          if (autoRemove) await this.#remove(container);
        });
      });
    }
  }

  async #giveNics(
    container: string,
    wanted: NonNullable<ContainerRequest['nics']>,
    undo: AsyncDisposableStack,
  ): Promise<void> {
    const { nics } = this.#options;
    for (const { nic, ...place } of wanted) {
      await nics.give(nic, { ...place, container });
      undo.defer(() => nics.takeBack(nic));
    }
  }

  async #replace(container: ContainerRecord): Promise<ContainerRecord> {
    const { state } = this.#options;
    const containers = state.document.containers.map((each) => (each.id === container.id ? container : each));
    await state.commit({ ...state.document, containers });
    return container;
  }

  #refuseName(name: string): void {
    const { containers } = this.#options.state.document;
    if (!containers.some((each) => each.name.toLowerCase() === name.toLowerCase())) return;
    throw new TswitchError(
      'CONTAINER_EXISTS',
      `there is a container ${name} already: \`tswitch rm ${name}\` it, or choose another name`,
    );
  }

  #addresses(netns: string): string[] {
    return endpointsOf(this.#options.state.document, netns).flatMap(({ endpoint }) => endpoint.addresses);
  }

  #view(container: ContainerRecord): ContainerView {
    const { process: known, ...record } = container;
    const places = record.netns === null ? [] : endpointsOf(this.#options.state.document, record.netns);
    const state = known === null ? 'created' : isRunning(container) ? 'running' : 'exited';
    return {
      ...record,
      state,
      pid: state === 'running' ? (known?.pid ?? null) : null,
      nics: this.#options.state.document.nics.filter((nic) => nic.netns === record.netns).map(({ name }) => name),
      endpoints: places.map(({ network, endpoint }) => ({
        ...this.#options.view(network, endpoint),
        network: network.name,
      })),
    };
  }
}

/** @throws TswitchError CONTAINER_EXISTS where somebody else's namespace has the name */
async function makeNetns(name: string, undo: AsyncDisposableStack): Promise<void> {
  if (!(await createNetns(name))) {
    throw new TswitchError(
      'CONTAINER_EXISTS',
      `there is a network namespace ${name} already: choose another name, or put it into a network with \`tswitch network connect\``,
    );
  }
  undo.defer(async () => {
    await runTool('ip', ['netns', 'del', name]);
  });
  const netns = await resolveNetns(name);
  try {
    await ipBatch(netns, [['link', 'set', 'dev', 'lo', 'up']]);
  } finally {
    netns.close();
  }
}

type Place = Omit<ContainerRequest, 'command' | 'name' | 'nics'>;

function refusePlace({ name, driver }: NetworkRecord, place: Place, nics: NonNullable<ContainerRequest['nics']>): void {
  if (driver === 'host' && nics.length > 0) {
    throw new TswitchError('BAD_REQUEST', 'nics: not for network host, which has all of them');
  }
  const given = ([...PLACE_FIELDS, ...LIMIT_FIELDS] as const).filter((field) => place[field]?.length);
  if (driver === 'bridge' || given.length === 0) return;
  throw new TswitchError('BAD_REQUEST', `${given.join(', ')}: not for network ${name}, which has no members`);
}
