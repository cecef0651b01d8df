/**
 * Finds and cuts loops outside the switch. A port that is suspected sends probes; if one comes back in by any port, one of the
 * two is blocked for a while. Where several switches are in one loop, all see the same signs: so each probes at a moment of its
 * own, and a blocked port looks whether the loop is still there without it (docs/decisions/0008).
 */
import type { Command } from '../shared/commands.ts';
import type { EventName } from './events.ts';
import type { LoopBlock, SwitchSettings } from './model.ts';
import { nameOf, type PortRecord } from './port-record.ts';
import { carriesVlan } from './views.ts';

/** Probes sent on one sign, as frames are easily lost in a loop; a storm gives a sign every tick anyway. */
const PROBES_MS = [0, 100, 300];
/** The first of them waits a random time up to this: the switch that is first cuts the loop, and the others find none. */
const PROBE_DELAY_MS_MAX = 200;
/** Least time between two series of probes from one port. */
const PROBE_PAUSE_MS = 500;

/** From the block to the first look whether the loop is still there, and from one to the next, at random up to these. */
const FIRST_LOOK_MS_MAX = 2000;
const LOOK_MS_MAX = 10_000;
/**
 * How long a look waits for its probes, in two timers: after a standstill of the machine the first is due before anything was
 * read that has come.
 */
const LOOK_PATIENCE_MS = 500;
/** So many blocks within the time of one may end because the loop was gone; the next lasts its time. */
const EARLY_ENDS_MAX = 3;

/** What is known of one port. */
interface Guarded {
  blocked: LoopBlock | null;
  /** VLAN of the last sign of a loop. */
  vlan: number;
  probedMs: number;
  /** When a probe came in by the port last, while it was blocked. */
  confirmedMs: number;
  endTimer: NodeJS.Timeout | undefined;
  lookTimer: NodeJS.Timeout | undefined;
  earlyEnds: number;
  earlyEndMs: number;
}

export interface LoopGuardOptions {
  settings: () => Pick<SwitchSettings, 'loopProtection' | 'loopHoldSeconds'>;
  byName: (name: string) => PortRecord | null;
  /** Tells the workers that the port is blocked, or no longer. */
  reconfigure: (record: PortRecord) => void;
  command: (commands: Command[]) => void;
  /** Raises an event of the port, and keeps it with it. */
  tell: (record: PortRecord, event: EventName, data: Record<string, unknown>) => void;
}

export class LoopGuard {
  readonly #options: LoopGuardOptions;
  readonly #guarded = new Map<string, Guarded>();
  /** Of probes that are yet to be sent. */
  readonly #probeTimers = new Set<NodeJS.Timeout>();

  constructor(options: LoopGuardOptions) {
    this.#options = options;
  }

  close(): void {
    for (const name of this.#guarded.keys()) this.#forget(name);
    for (const timer of this.#probeTimers) clearTimeout(timer);
  }

  blocked(name: string): LoopBlock | null {
    return this.#guarded.get(name)?.blocked ?? null;
  }

  /** There is a sign of a loop at the port: it sends probes, unless it did so a moment ago. */
  suspect(record: PortRecord, vlan: number): void {
    const guarded = this.#of(record);
    const nowMs = performance.now();
    const isTooSoon = nowMs - guarded.probedMs < PROBE_PAUSE_MS;
    if (!this.#options.settings().loopProtection || guarded.blocked || isTooSoon) return;
    guarded.probedMs = nowMs;
    guarded.vlan = vlan;
    this.#probe(record, vlan, Math.random() * PROBE_DELAY_MS_MAX);
  }

  /** A probe sent out of `from` came in by `by`: one of them is blocked, always the same one. */
  onProbe(by: PortRecord, from: PortRecord): void {
    const { loopProtection, loopHoldSeconds } = this.#options.settings();
    const arrived = this.#of(by);
    if (arrived.blocked) arrived.confirmedMs = performance.now();
    const [record, peer] = by.handle >= from.handle ? [by, from] : [from, by];
    const guarded = this.#of(record);
    if (!loopProtection || guarded.blocked || this.#of(peer).blocked) return;
    const until = inSeconds(loopHoldSeconds);
    guarded.blocked = { peer: nameOf(peer), since: inSeconds(0), until };
    guarded.vlan = this.#of(from).vlan;
    record.hasGoneDown = true;
    this.#options.reconfigure(record);
    guarded.endTimer = setTimeout(() => this.#unblock(record, 'its time is over'), loopHoldSeconds * 1000).unref();
    if (performance.now() - guarded.earlyEndMs > loopHoldSeconds * 1000) guarded.earlyEnds = 0;
    // Of a loop behind the port itself no probe tells while it is blocked.
    if (peer !== record && guarded.earlyEnds < EARLY_ENDS_MAX) this.#lookIn(FIRST_LOOK_MS_MAX, record, guarded, 0);
    const evidence = `a probe sent out of ${nameOf(from)} came in by ${nameOf(by)}`;
    this.#options.tell(record, 'loop.found', { peer: nameOf(peer), evidence, until });
  }

  /**
   * A port went down or away, or was removed. One whose link goes down may be cabled anew; and where the other end of a loop is
   * out, the blocked one may be all that is left of the way there.
   */
  onGone(port: string, isRemoved: boolean): void {
    if (isRemoved) this.#forget(port);
    for (const [name, { blocked }] of this.#guarded) {
      const record = blocked && this.#options.byName(name);
      if (!record) continue;
      if (name === port) this.#unblock(record, 'its link went down');
      else if (blocked.peer === port) this.#unblock(record, `its peer ${isRemoved ? 'was removed' : 'went down'}`);
    }
  }

  /** Protection was switched off. */
  unblockAll(records: PortRecord[]): void {
    for (const record of records) this.#unblock(record, 'loopProtection was switched off');
  }

  #probe({ handle }: PortRecord, vlan: number, delayMs: number): void {
    for (const ms of PROBES_MS) {
      const timer = setTimeout(() => {
        this.#probeTimers.delete(timer);
        this.#options.command([{ do: 'probe', handle, vlan }]);
      }, delayMs + ms).unref();
      this.#probeTimers.add(timer);
    }
  }

  /** @param missing looks before this one, in a row, that no probe came back of */
  #lookIn(msMax: number, record: PortRecord, guarded: Guarded, missing: number): void {
    guarded.lookTimer = setTimeout(() => this.#look(record, guarded, missing), Math.random() * msMax).unref();
  }

  /** Sends probes out of the peer of the blocked port: while there is a loop, they come in by the port. */
  #look(record: PortRecord, guarded: Guarded, missing: number): void {
    const peer = guarded.blocked && this.#openPeer(guarded.blocked);
    if (!peer) return;
    const startMs = performance.now();
    this.#probe(peer, vlanOf(peer, guarded.vlan), 0);
    const judge = (): void => {
      if (guarded.confirmedMs >= startMs) return this.#lookIn(LOOK_MS_MAX, record, guarded, 0);
      if (missing === 0) return this.#lookIn(FIRST_LOOK_MS_MAX, record, guarded, 1);
      guarded.earlyEnds++;
      guarded.earlyEndMs = performance.now();
      this.#unblock(record, 'the loop is gone');
      // Another switch may have opened its port at the same time: then this finds the loop, before frames do.
      this.#probe(record, vlanOf(record, guarded.vlan), Math.random() * PROBE_DELAY_MS_MAX);
    };
    guarded.lookTimer = setTimeout(() => {
      guarded.lookTimer = setTimeout(judge, LOOK_PATIENCE_MS).unref();
    }, LOOK_PATIENCE_MS).unref();
  }

  /** The peer, or if that is blocked by now, its peer: of a loop of many ports one is open, that of the lowest number. */
  #openPeer({ peer }: LoopBlock): PortRecord | null {
    const block = this.blocked(peer);
    return block && block.peer !== peer ? this.#openPeer(block) : this.#options.byName(peer);
  }

  #unblock(record: PortRecord, reason: string): void {
    const guarded = this.#of(record);
    if (!guarded.blocked) return;
    clearTimeout(guarded.endTimer);
    clearTimeout(guarded.lookTimer);
    const { peer } = guarded.blocked;
    guarded.blocked = null;
    this.#options.reconfigure(record);
    this.#options.tell(record, 'loop.cleared', { peer, reason });
  }

  #forget(name: string): void {
    const guarded = this.#guarded.get(name);
    clearTimeout(guarded?.endTimer);
    clearTimeout(guarded?.lookTimer);
    this.#guarded.delete(name);
  }

  #of(record: PortRecord): Guarded {
    const name = nameOf(record);
    let guarded = this.#guarded.get(name);
    if (!guarded) {
      guarded = {
        blocked: null,
        vlan: 0,
        probedMs: -Infinity,
        confirmedMs: -Infinity,
        endTimer: undefined,
        lookTimer: undefined,
        earlyEnds: 0,
        earlyEndMs: -Infinity,
      };
      this.#guarded.set(name, guarded);
    }
    return guarded;
  }
}

/** The VLAN, or where the port does not carry it, one that it does. */
function vlanOf({ settings }: PortRecord, vlan: number): number {
  return carriesVlan(settings, vlan) ? vlan : (settings.vlan ?? settings.trunks[0] ?? vlan);
}

export function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}
