/**
 * The FDB with 1 k, 64 k and 1 M entries: what a look-up, a refresh, a move, learning and ageing cost. Addresses come in a
 * random order, so what a large table costs is mostly waiting for memory. The reference is what JavaScript brings along.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import { FDB_LIMIT_MAX } from '../../src/limits.ts';
import { Fdb, keyHigh, keyLow, LEARNED, MOVED, UNCHANGED } from '../../src/switching/fdb.ts';
import { EMPTY_DIGEST, fold } from './digest.ts';
import { type Case, digestOfRepeated, measureTable, printRows, secondsPerCase } from './table.ts';

const SIZES = { '1 k': 1024, '64 k': 65_536, '1 M': FDB_LIMIT_MAX };
const SECONDS_MIN_FOR_LARGEST = 0.1;
const BATCH = 256;
const PORTS = 200;
const VLAN = 7;
const NOW = 10_000;
const AGEING_TICKS = 3000;
const SEED = 0x5eed;
/** Steps through a power of two of addresses in an order without a pattern, each once: odd, and far from all ratios. */
const STRIDE = 0x9e3779b1;
const REFERENCE = 'Map.get, 1 k entries';
/** Port of the addresses that are learned and aged out again. */
const GUEST_PORT = PORTS + 1;
/** Number of the first of them. */
const GUESTS = 0x1000_0000;
/** Makes a key one of another VLAN. */
const OTHER_VLAN = 1 << 16;

/** Addresses in an order without a pattern, as the FDB's two key words. */
class Population {
  readonly count: number;
  readonly high: Int32Array;
  readonly low: Int32Array;
  /** Number of the address that the `n`th key is of. */
  readonly order: Int32Array;

  /** @param size a power of two @param count how many of so many addresses @param first number of the first address */
  constructor(size: number, count: number, first = 0) {
    this.count = count;
    this.high = new Int32Array(count);
    this.low = new Int32Array(count);
    this.order = new Int32Array(count);
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 0);
    for (let n = 0; n < count; n++) {
      const address = first + ((Math.imul(n, STRIDE) >>> 0) & (size - 1));
      for (let byte = 2; byte < 6; byte++) mac[byte] = address >>> (8 * (5 - byte));
      this.order[n] = address;
      this.high[n] = keyHigh(mac, 0, VLAN);
      this.low[n] = keyLow(mac, 0);
    }
  }

  get runs(): number {
    return this.count / BATCH;
  }
}

/** The port that an address is on in every table. */
function portOf(address: number): number {
  return address % PORTS;
}

function filled(hosts: Population, limit: number, portOf: (address: number) => number): Fdb {
  const fdb = new Fdb(Fdb.allocate({ limit, ageingTicks: AGEING_TICKS, seed: SEED }), 1);
  for (let n = 0; n < hosts.count; n++) fdb.learn(hosts.high[n]!, hosts.low[n]!, portOf(hosts.order[n]!), NOW);
  if (fdb.count !== hosts.count) throw new Error(`${fdb.count} of ${hosts.count} addresses were learned`);
  return fdb;
}

/** A case whose run `n` does something with each of BATCH addresses, and is expected to get `answer` of its number. */
function each(
  name: string,
  hosts: Population,
  act: (high: number, low: number, port: number) => number,
  answer: (address: number) => number,
): Case {
  const { high, low, order } = hosts;
  return {
    name,
    operations: BATCH,
    runs: hosts.runs,
    run: (n) => {
      let digest = EMPTY_DIGEST;
      for (let k = n * BATCH; k < (n + 1) * BATCH; k++) {
        digest = fold(digest, act(high[k]!, low[k]!, portOf(order[k]!)));
      }
      return digest;
    },
    expected: (n) => {
      let digest = EMPTY_DIGEST;
      for (let k = n * BATCH; k < (n + 1) * BATCH; k++) digest = fold(digest, answer(order[k]!));
      return digest;
    },
  };
}

/** Look-ups the way a batch makes them. */
function batchCase(name: string, hosts: Population, fdb: Fdb): Case {
  const { high, low, runs } = hosts;
  const plain = each('', hosts, () => 0, portOf);
  const loaded = new Int32Array(1);
  return {
    name,
    operations: BATCH,
    runs,
    run: (n) => {
      const end = (n + 1) * BATCH;
      if (fdb.isLarge) {
        let words = 0;
        for (let k = n * BATCH; k < end; k++) words ^= fdb.fetch(high[k]!, low[k]!);
        loaded[0] = words;
      }
      let digest = EMPTY_DIGEST;
      fdb.watch();
      for (let k = n * BATCH; k < end; k++) digest = fold(digest, fdb.peek(high[k]!, low[k]!, NOW));
      return fdb.isUndisturbed() ? digest : EMPTY_DIGEST;
    },
    expected: plain.expected,
  };
}

function mapCase(hosts: Population): Case {
  const numberOf = (high: number, low: number): number => (high & 0xffff) * 2 ** 32 + (low >>> 0);
  const map = new Map<number, number>();
  for (let n = 0; n < hosts.count; n++) map.set(numberOf(hosts.high[n]!, hosts.low[n]!), portOf(hosts.order[n]!));
  return each(REFERENCE, hosts, (high, low) => map.get(numberOf(high, low))!, portOf);
}

/** Refreshes at one tick in one pass over all hosts, and at the next in the other, so that each time is written. */
function refreshCase(name: string, hosts: Population, fdb: Fdb): Case {
  const { high, low, order, runs } = hosts;
  const isLater = (n: number): boolean => n >= runs;
  return {
    name,
    operations: BATCH,
    runs: 2 * runs,
    run: (n) => {
      const now = isLater(n) ? NOW + 1 : NOW;
      const begin = (n % runs) * BATCH;
      let digest = EMPTY_DIGEST;
      for (let k = begin; k < begin + BATCH; k++) {
        digest = fold(digest, fdb.learn(high[k]!, low[k]!, portOf(order[k]!), now));
      }
      // Only what was refreshed at the later tick is not aged then.
      return fold(digest, fdb.lookup(high[begin]!, low[begin]!, NOW + AGEING_TICKS + 1));
    },
    expected: (n) => fold(digestOfRepeated(UNCHANGED, BATCH), isLater(n) ? portOf(order[(n % runs) * BATCH]!) : -1),
  };
}

/** Each address moves to the port behind its own, and back. */
function moveCase(name: string, hosts: Population, fdb: Fdb): Case {
  const { high, low, order, runs } = hosts;
  return {
    name,
    operations: 2 * BATCH,
    runs,
    run: (n) => {
      let digest = EMPTY_DIGEST;
      for (let step = 1; step >= 0; step--) {
        for (let k = n * BATCH; k < (n + 1) * BATCH; k++) {
          digest = fold(digest, fdb.learn(high[k]!, low[k]!, portOf(order[k]!) + step, NOW));
        }
      }
      return digest;
    },
    expected: () => digestOfRepeated(MOVED, 2 * BATCH),
  };
}

/** New addresses come and age out again, all with one sweep; what else the table holds is younger. */
function ageCase(name: string, hosts: Population, fdb: Fdb): Case {
  const { high, low } = new Population(BATCH, BATCH, GUESTS);
  return {
    name,
    operations: BATCH,
    runs: 1,
    run: () => {
      let digest = EMPTY_DIGEST;
      for (let k = 0; k < BATCH; k++) {
        digest = fold(digest, fdb.learn(high[k]!, low[k]!, GUEST_PORT, NOW - AGEING_TICKS - 1));
      }
      return fold(fold(digest, fdb.sweep(NOW)), fdb.count);
    },
    expected: () => fold(fold(digestOfRepeated(LEARNED, BATCH), BATCH), hosts.count),
  };
}

/** New addresses in a table that one port filled: for each, the oldest of the port that has most goes. */
function evictionCase(label: string, size: number): Case {
  const fdb = filled(new Population(size, size), size, () => 0);
  // Twice as many as there is room for, so that an address has gone when its turn comes again.
  const { high, low, runs } = new Population(2 * size, 2 * size, GUESTS);
  let now = NOW;
  return {
    name: `learn, ${label} entries`,
    operations: BATCH,
    runs,
    run: (n) => {
      now++;
      let digest = EMPTY_DIGEST;
      for (let k = n * BATCH; k < (n + 1) * BATCH; k++) {
        digest = fold(digest, fdb.learn(high[k]!, low[k]!, GUEST_PORT, now));
      }
      return fold(digest, fdb.count);
    },
    expected: () => fold(digestOfRepeated(LEARNED, BATCH), size),
  };
}

function casesOf(label: string, size: number): Case[] {
  const hosts = new Population(size, Math.min(size, FDB_LIMIT_MAX - BATCH));
  const fdb = filled(hosts, hosts.count + BATCH, portOf);
  const name = (what: string): string => `${what}, ${label} entries`;
  return [
    each(name('look up'), hosts, (high, low) => fdb.lookup(high, low, NOW), portOf),
    batchCase(name('look up as a batch does'), hosts, fdb),
    each(
      name('look up an unknown address'),
      hosts,
      (high, low) => fdb.lookup(high ^ OTHER_VLAN, low, NOW),
      () => -1,
    ),
    refreshCase(name('refresh'), hosts, fdb),
    moveCase(name('move'), hosts, fdb),
    ageCase(name('learn and age out'), hosts, fdb),
  ];
}

const seconds = secondsPerCase();
/** Filling the largest table takes longer than a smoke run may. */
const sizes = Object.entries(SIZES).filter(([, size]) => seconds >= SECONDS_MIN_FOR_LARGEST || size < FDB_LIMIT_MAX);
const small = new Population(SIZES['1 k'], SIZES['1 k']);
const rows = [
  ...(await measureTable({ table: 'FDB', per: 'operation', reference: REFERENCE, seconds }, [
    mapCase(small),
    ...sizes.flatMap(([label, size]) => casesOf(label, size)),
  ])),
  ...(await measureTable(
    { table: 'FDB that is full', per: 'operation', reference: 'learn, 1 k entries', seconds },
    sizes.map(([label, size]) => evictionCase(label, size)),
  )),
];
printRows(rows);
