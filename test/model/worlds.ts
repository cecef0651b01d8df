/**
 * Small random worlds for the storm: a few ports, VLANs and addresses, so that frames meet; and steps that send frames and
 * change the world between them.
 */
import { PORT_CONFIG_DEFAULT, type PortConfig } from '../../src/shared/commands.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { Random } from './random.ts';
import { carries, type Filter, type SwitchOptions } from './reference-switch.ts';

export type Step =
  | { do: 'frames'; port: string; frames: Uint8Array[] }
  | { do: 'configure'; port: string; change: Partial<PortConfig> }
  | { do: 'give'; mac: string; vlan: number; port: string; kind: 'static' | 'sticky' }
  | { do: 'forget'; mac: string; vlan: number }
  | { do: 'flush'; filter: Filter }
  | { do: 'reserved'; n: number; forward: boolean }
  | { do: 'wait'; seconds: number; sweep: boolean };

export interface World {
  ports: Record<string, PortConfig>;
  options: SwitchOptions;
  /** The MAC table may be full, so that what is to happen depends on which of several entries the switch let go. */
  isTight: boolean;
  steps: Step[];
}

/**
 * `kernel`: real netdevs. Their clock is not ours, they carry nothing into a port that is down, and they lose frames that end
 * in their tags; and an entry is given only to a port that carries its VLAN.
 */
export type Stage = 'memory' | 'kernel';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const MODES = ['access', 'trunk', 'native-tagged', 'native-untagged', 'dot1q-tunnel', 'transparent'] as const;
const TRUNKS: string[] = ['trunk', 'native-tagged', 'native-untagged'];
/** VIDs that some worlds use, from the ends of the range and between. */
const VIDS = [1, 2, 10, 2047, 2048, 4093, 4094];
/** MTUs near the least one, to keep frames small, and a common one. */
const MTUS = [68, 68, 69, 80, 120, 1500];
const TPIDS = [0x8100, 0x88a8];
const ETHER_TYPES = [0x0800, 0x86dd, 0x88b5, 0x9100, 0x0000, 0x002e];
const AGEING_SECONDS = 20;
const WAITS = [0, 1, 2, 5, AGEING_SECONDS - 1, AGEING_SECONDS, AGEING_SECONDS + 1];
/** More than the addresses of a world in all VIDs that its frames have. */
const FDB_LIMIT = 256;

/** A world of its own for each seed. */
export function makeWorld(seed: number, stage: Stage): World {
  return new WorldMaker(seed, stage).make();
}

class WorldMaker {
  readonly #random: Random;
  readonly #stage: Stage;
  readonly #vids: number[];
  readonly #macs: string[];
  readonly #names: string[];
  readonly #ports: Record<string, PortConfig>;
  readonly #options: SwitchOptions;
  /** Addresses that entries were given for: frames to them find ports that are down or have left the VLAN. */
  readonly #given: string[] = [];
  /** Limits make a switch choose what to forget: a burst would hide what it chose, and aged entries may still count. */
  readonly #isLimited: boolean;

  constructor(seed: number, stage: Stage) {
    const random = new Random(seed);
    this.#random = random;
    this.#stage = stage;
    this.#isLimited = stage === 'memory' && random.chance(0.25);
    this.#vids = random.some(VIDS, 0.35);
    if (this.#vids.length === 0) this.#vids.push(random.pick(VIDS));
    this.#macs = Array.from({ length: (this.#isLimited ? 5 : 3) + random.int(4) }, (_, n) => mac(n + 1));
    this.#names = NAMES.slice(0, 2 + random.int(NAMES.length - 1));
    this.#ports = Object.fromEntries(this.#names.map((name) => [name, { ...PORT_CONFIG_DEFAULT, ...this.#config() }]));
    this.#options = this.#limits();
  }

  make(): World {
    const ports = structuredClone(this.#ports);
    const steps = Array.from({ length: 20 + this.#random.int(160) }, () => this.#step());
    return { ports, options: this.#options, isTight: this.#options.fdbLimit < FDB_LIMIT, steps };
  }

  #limits(): SwitchOptions {
    const random = this.#random;
    const options = { ageingSeconds: AGEING_SECONDS, fdbLimit: FDB_LIMIT, portLimits: {} };
    if (!this.#isLimited) return options;
    const ofPorts = random.chance(0.7);
    const limited = ofPorts ? random.some(this.#names, 0.6) : [];
    return {
      ...options,
      fdbLimit: !ofPorts || random.chance(0.3) ? 2 + random.int(6) : FDB_LIMIT,
      portLimits: Object.fromEntries(limited.map((name) => [name, 1 + random.int(3)])),
    };
  }

  #config(): Partial<PortConfig> {
    const random = this.#random;
    return {
      ...this.#vlanConfig(),
      priorityTags: random.pick(['never', 'never', 'if-nonzero', 'always'] as const),
      mtu: random.pick(MTUS),
      learning: random.chance(0.85),
      floodUnknown: random.chance(0.9),
      floodMulticast: random.chance(0.9),
      floodBroadcast: random.chance(0.9),
      isolated: random.chance(0.3),
    };
  }

  #vlanConfig(): Partial<PortConfig> {
    const random = this.#random;
    const mode = random.pick(MODES);
    return {
      mode,
      vlan: mode === 'trunk' ? 0 : random.pick(this.#vids),
      trunks: TRUNKS.includes(mode) && random.chance(0.6) ? random.some(this.#vids, 0.6) : [],
      cvlans: mode === 'dot1q-tunnel' && random.chance(0.5) ? [...random.some(this.#vids, 0.6), 7] : [],
      tpid: random.pick(TPIDS),
    };
  }

  #step(): Step {
    const random = this.#random;
    const isKernel = this.#stage === 'kernel';
    const what = random.weighted({
      frames: 160,
      vlans: 4,
      settings: 4,
      flap: 6,
      block: isKernel ? 0 : 3,
      give: 8,
      forget: 2,
      flush: 2,
      reserved: 2,
      wait: isKernel ? 0 : 8,
    });
    const port = random.pick(this.#names);
    switch (what) {
      case 'frames':
        return this.#frames(port);
      case 'vlans':
        return this.#configure(port, this.#vlanConfig());
      case 'settings':
        return this.#configure(port, this.#setting());
      case 'flap':
        return this.#configure(port, { up: !this.#ports[port]!.up || random.chance(0.3) });
      case 'block':
        return this.#configure(port, { blocked: !this.#ports[port]!.blocked });
      case 'give':
        return this.#give(port);
      case 'forget':
        return { do: 'forget', ...this.#key() };
      case 'flush':
        return { do: 'flush', filter: this.#filter() };
      case 'reserved':
        return { do: 'reserved', n: random.int(0x30), forward: random.chance(0.6) };
      case 'wait':
        return { do: 'wait', seconds: random.pick(WAITS), sweep: this.#isLimited || random.chance(0.3) };
    }
  }

  #frames(port: string): Step {
    const { up, blocked } = this.#ports[port]!;
    if (!up && (this.#stage === 'kernel' || this.#random.chance(0.7))) return this.#configure(port, { up: true });
    if (blocked && this.#random.chance(0.7)) return this.#configure(port, { blocked: false });
    const isSingle = this.#isLimited || this.#stage === 'kernel' || this.#random.chance(0.8);
    const length = isSingle ? 1 : 2 + this.#random.int(5);
    return { do: 'frames', port, frames: Array.from({ length }, () => this.#frame(port)) };
  }

  #give(port: string): Step {
    const vids = this.#stage === 'kernel' ? this.#vids.filter((vid) => carries(this.#ports[port]!, vid)) : this.#vids;
    const key = { ...this.#key(), ...(vids.length > 0 ? { vlan: this.#random.pick(vids) } : {}) };
    if (vids.length === 0) return { do: 'forget', ...key };
    this.#given.push(key.mac);
    return { do: 'give', ...key, port, kind: this.#random.pick(['static', 'sticky']) };
  }

  #configure(port: string, change: Partial<PortConfig>): Step {
    Object.assign(this.#ports[port]!, change);
    return { do: 'configure', port, change };
  }

  /** One setting changed, and the others left as they are. */
  #setting(): Partial<PortConfig> {
    const { mode: _mode, vlan: _vlan, trunks: _trunks, cvlans: _cvlans, ...settings } = this.#config();
    return Object.fromEntries([this.#random.pick(Object.entries(settings))]);
  }

  #key(): { mac: string; vlan: number } {
    return { mac: this.#random.pick(this.#macs), vlan: this.#random.pick(this.#vids) };
  }

  #filter(): Filter {
    const random = this.#random;
    return {
      ...(random.chance(0.5) ? { port: random.pick(this.#names) } : {}),
      ...(random.chance(0.5) ? { vlan: random.pick(this.#vids) } : {}),
      ...(random.chance(0.5) ? { kind: random.pick(['dynamic', 'static', 'sticky'] as const) } : {}),
    };
  }

  #frame(from: string): Uint8Array {
    const random = this.#random;
    const tags = Array.from({ length: Number(random.weighted({ 0: 3, 1: 5, 2: 3, 3: 1 })) }, (_, depth) => ({
      tpid: random.chance(0.05) ? 0x9100 : random.pick(TPIDS),
      vid: depth === 0 ? this.#outerVid(from) : this.#innerVid(),
      pcp: random.int(8),
      dei: random.int(2),
    }));
    const whole = frame({
      dst: this.#destination(),
      src: this.#source(),
      tags,
      etherType: random.chance(0.03) ? random.pick(TPIDS) : random.pick(ETHER_TYPES),
      payload: this.#payload(),
    });
    if (this.#stage === 'kernel' || random.chance(0.94)) return whole;
    return whole.slice(0, random.chance(0.5) ? random.int(14) : 14 + random.int(14));
  }

  /** Mostly one that the port takes. */
  #outerVid(from: string): number {
    const { mode, vlan, trunks } = this.#ports[from]!;
    if (mode === 'access' && this.#random.chance(0.6)) return 0;
    const taken = trunks.length > 0 ? trunks : [...this.#vids, ...(vlan === 0 ? [] : [vlan])];
    return this.#random.chance(0.6) ? this.#random.pick(taken) : this.#innerVid();
  }

  #innerVid(): number {
    return this.#random.pick([...this.#vids, ...this.#vids, 0, 7, 100, 4095]);
  }

  #destination(): string {
    const random = this.#random;
    const lastOfReserved = random.int(0x34).toString(16).padStart(2, '0');
    const choices = {
      unicast: random.pick(this.#given.length > 0 && random.chance(0.4) ? this.#given : this.#macs),
      broadcast: BROADCAST,
      multicast: random.pick(['01:00:5e:00:00:fb', '33:33:00:00:00:01', '01:80:c2:00:01:00', '01:80:c3:00:00:01']),
      reserved: `01:80:c2:00:00:${lastOfReserved}`,
      unknown: random.pick(['00:00:00:00:00:00', mac(200), 'fe:ff:ff:ff:ff:ff']),
    };
    return choices[random.weighted({ unicast: 12, broadcast: 2, multicast: 2, reserved: 2, unknown: 2 })];
  }

  #source(): string {
    const random = this.#random;
    if (random.chance(0.96)) return random.pick(this.#macs);
    return random.pick(['00:00:00:00:00:00', BROADCAST, '01:00:5e:00:00:01', '03:00:00:00:00:01']);
  }

  /** Often at the edge of some port's MTU. */
  #payload(): number {
    const random = this.#random;
    if (random.chance(0.6)) return (this.#stage === 'kernel' ? 8 : 0) + random.int(50);
    const { mtu } = this.#ports[random.pick(this.#names)]!;
    return Math.max(0, mtu + random.pick([-4, -1, 0, 0, 1, 2, 4, 5, 8, 9]));
  }
}
