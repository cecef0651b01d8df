/**
 * The process behind bystander.ts. It holds both ends: one numbers and paces the frames, the other judges what comes. It
 * answers each message with its outcome so far, and ends with the channel.
 *
 * Argument: BystanderTask as JSON.
 */
import { openSync } from 'node:fs';
import { inNetns } from '../../src/control/plumbing/netns.ts';
import { FLOW_ETHERTYPE, type BystanderOutcome, type BystanderTask } from './bystander.ts';
import { BROADCAST, frame } from './frames.ts';
import { RawSocket } from './raw-socket.ts';
import { RunningClock } from './running-clock.ts';

const TICK_MS = 1;
/**
 * Frames under way at a time: fewer than any queue on the way holds, so that none is lost by a standstill of the machine. It
 * opens as later frames come, and a frame is late after so long.
 */
const WINDOW = 1000;
const LATE_MS = 5000;
/** For the announcements to be learned from. */
const ANNOUNCE_MS = 50;
/** For what is still in queues in the end. */
const SETTLE_MS = 300;
const NUMBER_AT = 14;
/** Numbers told apart; more than any test sends. */
const NUMBERS_MAX = 16_000_000;

const { from, to, src, dst, perSecond } = JSON.parse(process.argv[2] ?? '') as BystanderTask;
const open = (netns: string): RawSocket =>
  inNetns({ fd: openSync(netns, 'r') }, () => RawSocket.open('eth0', { protocol: FLOW_ETHERTYPE }));
const sender = open(from);
const receiver = open(to);
const template = Buffer.from(frame({ src, dst, etherType: FLOW_ETHERTYPE }));
const source = template.subarray(6, 12);

const seen = new Uint8Array(NUMBERS_MAX);
const outcome: BystanderOutcome = { due: 0, sent: 0, received: 0, twice: 0, outOfOrder: 0, longestGapMs: 0 };
let clock = new RunningClock();
let newest = -1;
let lastMs = 0;
/** The first number that may be under way still. */
let windowStart = 0;

function send(): void {
  outcome.due = Math.floor((clock.tick() * perSecond) / 1000);
  windowStart = clock.nowMs - lastMs > LATE_MS ? outcome.sent : Math.max(windowStart, newest + 1);
  const end = Math.min(outcome.due, windowStart + WINDOW);
  for (; outcome.sent < end; outcome.sent++) {
    template.writeUInt32BE(outcome.sent, NUMBER_AT);
    sender.send(template);
  }
}

function receive(): void {
  const { nowMs } = clock;
  const before = outcome.received;
  while (receiver.receive() > 0) {
    if (source.compare(receiver.received, 6, 12) !== 0) continue;
    const number = receiver.received.readUInt32BE(NUMBER_AT);
    if (seen[number] === 1) {
      outcome.twice++;
      continue;
    }
    seen[number] = 1;
    outcome.received++;
    if (number < newest) outcome.outOfOrder++;
    newest = Math.max(newest, number);
  }
  if (outcome.received === before) return;
  outcome.longestGapMs = Math.max(outcome.longestGapMs, Math.round(nowMs - lastMs));
  lastMs = nowMs;
}

/** Both ends are announced, so that their addresses are known before the first numbered frame. */
sender.send(frame({ src, dst: BROADCAST }));
receiver.send(frame({ src: dst, dst: BROADCAST }));
setTimeout(() => {
  clock = new RunningClock();
  const ticks = setInterval(() => {
    send();
    receive();
  }, TICK_MS);
  process.on('message', (message) => {
    if (message === 'stop') {
      clearInterval(ticks);
      const { longestGapMs } = outcome;
      setTimeout(() => {
        receive();
        process.send?.({ ...outcome, longestGapMs });
      }, SETTLE_MS);
    } else {
      receive();
      process.send?.(outcome);
    }
  });
  process.send?.('sending');
}, ANNOUNCE_MS);
process.on('disconnect', () => process.exit());
