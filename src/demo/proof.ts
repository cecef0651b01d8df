/** The proof: real programs, in real namespaces, whose traffic has no other way than through the switch. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { attempt, run } from './processes.ts';

const PINGS = 3;
const TCP_SECONDS = 2;
const TCP_SERVER_START_MS_MAX = 5000;

export interface Host {
  /** What the output calls it. */
  name: string;
  netns: string;
  address: string;
  vlan: number;
}

export interface Pings {
  sent: number;
  received: number;
  /** Answers beyond the first to one ping: a frame came more than once. */
  duplicates: number;
  /** Mean round trip; null where nothing came back. */
  meanMs: number | null;
}

export async function ping(from: Host, to: Host, stop: AbortSignal): Promise<Pings> {
  const count = String(PINGS);
  const args = within(from, 'ping', '-n', '-q', '-c', count, '-i', '0.2', '-W', '1', to.address);
  const { stdout, stderr } = await attempt('nsenter', args, stop);
  const pings = readPings(stdout);
  if (!pings) throw new Error(`ping in ${from.netns} failed: ${(stderr || stdout).trim()}`);
  return pings;
}

/** What the end of ping's output (iputils) says; null: that is none. */
export function readPings(output: string): Pings | null {
  const counts = /(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?/.exec(output);
  if (!counts) return null;
  const mean = /= [\d.]+\/([\d.]+)\//.exec(output);
  return {
    sent: Number(counts[1]),
    received: Number(counts[2]),
    duplicates: Number(counts[3] ?? 0),
    meanMs: mean ? Number(mean[1]) : null,
  };
}

/** Whether every ping was answered once, or none at all where `isTogether` is false. */
export function isAsExpected({ sent, received, duplicates }: Pings, isTogether: boolean): boolean {
  return received === (isTogether ? sent : 0) && duplicates === 0;
}

/** One TCP flow with default settings; gives bits per second as the receiver counted them. */
export async function tcp(from: Host, to: Host, stop: AbortSignal): Promise<number> {
  const server = spawn('nsenter', within(to, 'iperf3', '-s', '-1', '--forceflush', '-B', to.address), {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal: stop,
  });
  const gone = once(server, 'close').catch(() => undefined);
  try {
    // Its first line is a rule, its second says that it listens.
    const lines = createInterface(server.stdout);
    const tooLate = AbortSignal.timeout(TCP_SERVER_START_MS_MAX);
    await once(lines, 'line', { signal: AbortSignal.any([stop, tooLate]) });
    const client = within(from, 'iperf3', '-c', to.address, '-t', String(TCP_SECONDS), '--json');
    const report = JSON.parse(await run('nsenter', client, stop)) as {
      end: { sum_received: { bits_per_second: number } };
    };
    return report.end.sum_received.bits_per_second;
  } finally {
    server.kill();
    await gone;
  }
}

function within(host: Host, ...command: string[]): string[] {
  return [`--net=/run/netns/${host.netns}`, ...command];
}
