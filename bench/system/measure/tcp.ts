/** One TCP flow with iperf3, in both directions one after the other, with the offloads the hosts have. */
import { Child } from '../child.ts';
import { inNetns, run } from '../command.ts';
import type { Bench, Rig } from '../subject.ts';

const SPARE_MS = 10_000;

/** Bits per second received: from host a to b, and from b to a. */
export interface TcpRates {
  there: number;
  back: number;
}

export async function measureTcp(bench: Bench, rig: Rig, seconds: number): Promise<TcpRates> {
  const { a, b } = rig;
  await using server = Child.start(inNetns(b.netns, ['iperf3', '--server', '--bind', b.address, '--forceflush']));
  await server.printed(/Server listening/, bench.signal);
  const client = ['iperf3', '--client', b.address, '--time', String(seconds), '--json'];
  const options = { signal: bench.signal, timeoutMs: seconds * 1000 + SPARE_MS };
  const there = await run(inNetns(a.netns, client), options);
  const back = await run(inNetns(a.netns, [...client, '--reverse']), options);
  return { there: bitsPerSecond(there), back: bitsPerSecond(back) };
}

function bitsPerSecond(json: string): number {
  const result = JSON.parse(json) as { end?: { sum_received?: { bits_per_second?: number } } };
  const rate = result.end?.sum_received?.bits_per_second;
  if (rate === undefined || rate <= 0) throw new Error('iperf3 received nothing');
  return rate;
}
