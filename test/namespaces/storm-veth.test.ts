/** The storm of test/unit/storm.test.ts on real veths: the kernel's way with tags, and the control plane, take part. */
import { afterAll, expect, test } from 'vitest';
import type { PortPatch, SwitchControl } from '../../src/control/model.ts';
import type { PortConfig } from '../../src/shared/commands.ts';
import type { Entry, Filter } from '../model/reference-switch.ts';
import { type Counts, storm, stormSeed, type Subject } from '../model/storm.ts';
import type { World } from '../model/worlds.ts';
import { type Host, Lab, PATIENCE_MS, sleep, until } from '../support/lab.ts';
import type { Wire } from '../support/wire.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 3_000 : 300;
/** A copy that should not be sent arrives within this, if it is. */
const QUIET_MS = 3;
/** Of the far ends: every frame fits, so that it is the switch that finds some too long. */
const FAR_MTU = 9000;

const labs: Lab[] = [];
afterAll(async () => {
  for (const lab of labs) await lab.close();
});

class VethSwitch implements Subject {
  readonly #lab: Lab;
  readonly #lan: SwitchControl;
  readonly #hosts = new Map<string, Host>();
  readonly #wires = new Map<string, Wire>();
  readonly #forward = new Set<string>();
  readonly #drop = new Set<string>();

  private constructor(lab: Lab, lan: SwitchControl) {
    this.#lab = lab;
    this.#lan = lan;
  }

  static async open({ ports, options }: World): Promise<VethSwitch> {
    const lab = new Lab();
    labs.push(lab);
    const made = new VethSwitch(lab, await lab.switch());
    const { fdbLimit } = options;
    await made.#lan.patchSettings({ fdbLimit, macMoveLimit: null, loopProtection: false });
    for (const [name, config] of Object.entries(ports)) await made.#plug(name, config);
    return made;
  }

  async #plug(name: string, config: PortConfig): Promise<void> {
    const host = await this.#lab.netns(`storm-${name}`, { ipv6: false });
    await this.#lab.plug(this.#lan, host, 'veth', patchOf(config));
    this.#hosts.set(name, host);
    this.#wires.set(name, host.wire());
    await this.#settle(name, config);
  }

  async configure(name: string, change: Partial<PortConfig>): Promise<void> {
    await this.#lan.patchPort(this.#nameOf(name), patchOf(change));
    await this.#settle(name, change);
  }

  /** What the kernel does later than the change, and what it does that the storm does not want. */
  async #settle(name: string, { mtu, up }: Partial<PortConfig>): Promise<void> {
    if (mtu !== undefined) await this.#host(name).run('ip', 'link', 'set', 'eth0', 'mtu', String(FAR_MTU));
    if (up === undefined) return;
    const wanted = up ? 'up' : 'down';
    await until(`port ${name} to be ${wanted}`, () => this.#lan.port(this.#nameOf(name)).state === wanted);
    if (up) await this.#host(name).connected();
  }

  async give(mac: string, vlan: number, port: string, kind: 'static' | 'sticky'): Promise<void> {
    await this.#lan.addFdb({ mac, vlan, port: this.#nameOf(port), kind });
  }

  forget(mac: string, vlan: number): Promise<void> {
    return this.#lan.removeFdb(vlan, mac);
  }

  async flush({ port, ...filter }: Filter): Promise<void> {
    await this.#lan.flushFdb(port === undefined ? filter : { ...filter, port: this.#nameOf(port) });
  }

  async reserved(n: number, forward: boolean): Promise<void> {
    const address = `01:80:c2:00:00:${n.toString(16).padStart(2, '0')}`;
    const [others, isOther] = n < 0x10 ? [this.#forward, forward] : [this.#drop, !forward];
    if (isOther) others.add(address);
    else others.delete(address);
    await this.#lan.patchSettings({ reservedAddresses: { forward: [...this.#forward], drop: [...this.#drop] } });
  }

  wait(): never {
    throw new Error('the time of the kernel stage is not ours');
  }

  async send(port: string, frames: Uint8Array[], copies: number): Promise<Map<string, Uint8Array[]>> {
    for (const wire of this.#wires.values()) wire.clear();
    const before = this.#lan.stats().totals;
    for (const frame of frames) this.#wire(port).send(frame);
    const deadline = performance.now() + PATIENCE_MS;
    const isDone = (): boolean => {
      const { rx, forwarded, flooded, floodCopies, dropped, tx, txDropped } = this.#lan.stats().totals;
      const isTaken = rx >= before.rx + frames.length && rx === forwarded + flooded + dropped;
      const sent = tx + txDropped;
      const isSent = sent >= before.tx + before.txDropped + copies && sent === forwarded + floodCopies;
      return isTaken && isSent && this.#captured() >= tx - before.tx;
    };
    while (!isDone() && performance.now() < deadline) await sleep(1);
    await sleep(QUIET_MS);
    return new Map([...this.#wires].map(([name, wire]) => [name, wire.captured().map(({ frame }) => frame)]));
  }

  async entries(): Promise<Entry[]> {
    const names = new Map([...this.#hosts].map(([name, host]) => [host.name, name]));
    const { entries } = await this.#lan.fdb({}, { limit: 10_000 });
    return entries.map(({ mac, vlan, port, kind }) => ({ mac, vlan, port: names.get(port) ?? port, kind }));
  }

  counts(): Counts {
    const { totals, ports, drops } = this.#lan.stats();
    const { forwarded, flooded, floodCopies } = totals;
    const byName = [...this.#hosts].map(([name, host]) => {
      const { rx, tx } = ports[host.name]!;
      const reasons = ports[host.name]!.drops;
      const dropped = Object.values(reasons).reduce((sum, count) => sum + count, 0) - tx.drops;
      return [name, { rx: rx.frames, tx: tx.frames, dropped, txDropped: tx.drops }] as const;
    });
    return { forwarded, flooded, floodCopies, drops, ports: Object.fromEntries(byName) };
  }

  close(): Promise<void> {
    return this.#lab.close();
  }

  /** Frames that arrived so far. */
  #captured(): number {
    return [...this.#wires.values()].reduce((sum, wire) => sum + wire.captured().length, 0);
  }

  #host(name: string): Host {
    return this.#hosts.get(name)!;
  }

  #wire(name: string): Wire {
    return this.#wires.get(name)!;
  }

  #nameOf(name: string): string {
    return this.#host(name).name;
  }
}

/** The same change as the control plane's callers say it. */
function patchOf(change: Partial<PortConfig>): PortPatch {
  const { vlan, trunks, cvlans, tpid, up, offloads: _offloads, blocked: _blocked, mirror: _mirror, ...same } = change;
  return {
    ...same,
    ...(vlan === undefined ? {} : { vlan: vlan === 0 ? null : vlan }),
    ...(trunks && { trunks: [...trunks] }),
    ...(cvlans && { cvlans: [...cvlans] }),
    ...(tpid === undefined ? {} : { tpid: tpid === 0x8100 ? '0x8100' : '0x88a8' }),
    ...(up === undefined ? {} : { admin: up ? 'up' : 'down' }),
  };
}

test(`${FRAMES} frames through real veths do what the reference switch says`, { timeout: 900_000 }, async () => {
  const { frames } = await storm({
    seed: stormSeed(),
    frames: FRAMES,
    stage: 'kernel',
    open: (world) => VethSwitch.open(world),
    shrinkPlays: 20,
  });
  expect(frames).toBeGreaterThanOrEqual(FRAMES);
});
