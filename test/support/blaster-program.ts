/**
 * The process behind blaster.ts: sends frames as fast as a core can, each with a source address that no other has.
 *
 * Argument: BlastTask as JSON. Prints how many were sent.
 */
import { openSync } from 'node:fs';
import { inNetns } from '../../src/control/plumbing/netns.ts';
import type { BlastTask } from './blaster.ts';
import { frame } from './frames.ts';
import { Burst, RawSocket } from './raw-socket.ts';

const BATCH_FRAMES = 256;
const SOURCE_AT = 6;
/** Where the four bytes stand that number an address. */
const NUMBER_AT = 2;

const { netns, frames, seconds, destination, firstSource } = JSON.parse(process.argv[2] ?? '') as BlastTask;
const socket = inNetns({ fd: openSync(netns, 'r') }, () => RawSocket.open('eth0', { protocol: 0, bypassQdisc: true }));
const template = frame({ src: '06:00:00:00:00:00', dst: destination ?? '0a:00:00:00:00:00' });
const burst = new Burst(BATCH_FRAMES, template.length);
for (let i = 0; i < BATCH_FRAMES; i++) burst.bytes.set(template, i * burst.stride);

const endMs = performance.now() + seconds * 1000;
let sent = 0;
while (sent < frames && performance.now() < endMs) {
  const count = Math.min(BATCH_FRAMES, frames - sent);
  for (let i = 0; i < count; i++) {
    const at = i * burst.stride;
    burst.bytes.writeUInt32BE((firstSource + sent + i) >>> 0, at + SOURCE_AT + NUMBER_AT);
    if (destination === null) burst.bytes.writeUInt32BE((firstSource + sent + i) >>> 0, at + NUMBER_AT);
  }
  burst.send(socket, count);
  sent += count;
}
console.log(sent);
