/**
 * The contract: what any logic must keep, whatever it does. `tswitch logic check` and `load` run it; so can the logic's own
 * tests. Each rule is tried with frames of every kind, whole and broken, that are made from a seed.
 */
import type { AnyLogic } from '../switching/logic.ts';
import { frame, hasRightChecksums, mac, tcp, udp } from './frames.ts';
import { Sandbox, type SandboxPort } from './sandbox-switch.ts';
import { guarded } from './write-guard.ts';

const FRAMES = 3000;
const BATCH = 64;
const HOSTS = 12;
const MS_BETWEEN_BATCHES = 40;
const TICK_MS = 11_000;

const PORTS: Record<string, SandboxPort> = {
  a: { vlan: 10 },
  b: { vlan: 10 },
  c: { vlan: 20 },
  isolated1: { vlan: 10, isolated: true },
  isolated2: { vlan: 10, isolated: true },
  trunk: { mode: 'trunk', vlan: 0, trunks: [10, 20, 30] },
  tunnel: { mode: 'dot1q-tunnel', vlan: 20 },
};
const NAMES = Object.keys(PORTS);

export interface ContractRule {
  rule: string;
  holds: boolean;
  /** What was seen. */
  text: string;
}

/** @param params as for `load`; checked by the logic's schema */
export function contract(logic: AnyLogic, params: object = {}): ContractRule[] {
  let written = 0;
  const guard = guarded(logic, () => written++);
  const first = storm(guard, params);
  const second = storm(logic, params);
  const { taken, accounted, copies, left } = first.switch.balance();
  const [fault] = first.switch.faults;
  return [
    {
      rule: 'no frame makes it fail',
      holds: fault === undefined,
      text: fault
        ? `${fault.kind}: ${fault.stack ?? fault.message}`
        : `${FRAMES} frames, whole and broken, and its ticks`,
    },
    {
      rule: 'it writes into its frames alone',
      holds: written === 0,
      text:
        written === 0
          ? 'no byte around them is another one'
          : `${written} times bytes outside of the frames that it was asked for were others afterwards: stay within offset and length`,
    },
    {
      rule: 'no frame is lost: counts add up',
      holds: taken === accounted && copies === left,
      text: `${taken} taken, ${accounted} accounted for; ${copies} copies, ${left} left`,
    },
    {
      rule: 'the same frames at the same times become the same',
      holds: first.digest === second.digest,
      text:
        first.digest === second.digest ? 'two runs agree' : `two runs differ: is something random, or of the clock?`,
    },
    {
      rule: 'checksums of what leaves are right',
      holds: first.wrongChecksums === 0,
      text: `${first.datagrams} datagrams left, ${first.wrongChecksums} of them with a wrong checksum`,
    },
  ];
}

interface Outcome {
  switch: Sandbox;
  digest: number;
  datagrams: number;
  wrongChecksums: number;
}

function storm(logic: AnyLogic, params: object): Outcome {
  const random = numbers(0x5eed);
  const made = new Sandbox({ ports: PORTS, logic, params });
  const outcome: Outcome = { switch: made, digest: 1, datagrams: 0, wrongChecksums: 0 };
  const note = (sent: Map<string, Uint8Array[]>): void => {
    for (const [port, frames] of sent) for (const bytes of frames) take(outcome, port, bytes);
  };
  for (let sent = 0; sent < FRAMES; sent += BATCH) {
    const frames = Array.from({ length: BATCH }, () => anyFrame(random));
    note(made.sendAll(NAMES[random(NAMES.length)]!, frames));
    note(made.advance(MS_BETWEEN_BATCHES));
  }
  note(made.advance(TICK_MS));
  return outcome;
}

function take(outcome: Outcome, port: string, bytes: Uint8Array): void {
  let { digest } = outcome;
  for (let k = 0; k < port.length; k++) digest = Math.imul(digest ^ port.charCodeAt(k), 0x01000193);
  for (const byte of bytes) digest = Math.imul(digest ^ byte, 0x01000193);
  outcome.digest = digest;
  // The storm's own datagrams are marked by their addresses; broken frames may look like anything.
  const isWhole = bytes.length >= 42 && bytes[12] === 8 && bytes[13] === 0 && bytes[14] === 0x45 && bytes[15] === 0;
  if (!isWhole || bytes[18] !== 0 || bytes[19] !== 1 || 14 + ((bytes[16]! << 8) | bytes[17]!) > bytes.length) return;
  outcome.datagrams++;
  if (!hasRightChecksums(bytes)) outcome.wrongChecksums++;
}

function anyFrame(random: (below: number) => number): Uint8Array {
  const src = mac(1 + random(HOSTS));
  const dst = random(4) === 0 ? 'ff:ff:ff:ff:ff:ff' : random(8) === 0 ? '01:00:5e:00:00:05' : mac(1 + random(HOSTS));
  const tags = [[], [], [], [10], [20], [30], [10, 5], [0], [4095]][random(9)]!;
  const ends = {
    src,
    dst,
    tags,
    sourceIp: `10.0.0.${1 + random(HOSTS)}`,
    destinationIp: `10.0.0.${1 + random(HOSTS)}`,
    sourcePort: 1 + random(65_535),
    destinationPort: [53, 80, 9, 443][random(4)]!,
    payload: Uint8Array.from({ length: random(200) }, () => random(256)),
    flags: random(64),
  };
  switch (random(6)) {
    case 0:
      return tcp(ends);
    case 1:
      return udp(ends);
    case 2:
      return broken(random(2) === 0 ? tcp({ ...ends, tags: [] }) : udp({ ...ends, tags: [] }), random);
    case 3:
      return udp(ends).subarray(0, random(60));
    default:
      return frame({ src, dst, tags, etherType: [0x0806, 0x86dd, 0x0800, 0x88cc][random(4)]!, payload: ends.payload });
  }
}

/** Changes a few bytes behind the addresses, and the mark of the storm's own. */
function broken(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  for (let k = 0; k < 4; k++) bytes[12 + random(bytes.length - 12)] = random(256);
  if (bytes.length > 19) bytes[19] = 2;
  return bytes;
}

/** Whole numbers from 0 to below a bound, the same every time (a linear congruential generator: Numerical Recipes, 7.1). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
}
