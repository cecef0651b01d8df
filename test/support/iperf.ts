/** What iperf3 measures between two namespaces. */
import { once } from 'node:events';
import { type Host, until } from './lab.ts';

export interface Traffic {
  protocol: 'tcp' | 'udp';
  seconds: number;
  /** Of UDP: what is offered, in bits per second. */
  offered?: number;
}

/** The payload that arrived, in bits per second. */
export async function measureRate(from: Host, to: Host, address: string, traffic: Traffic): Promise<number> {
  const server = to.start('iperf3', '--server', '--one-off', '--bind', address, '--forceflush');
  const ended = once(server, 'exit');
  let said = '';
  server.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('iperf3 to listen', () => said.includes('Server listening'));
  const udp = traffic.protocol === 'udp' ? ['--udp', '--bitrate', String(traffic.offered ?? 0)] : [];
  const report = await from.run('iperf3', '--client', address, '--time', String(traffic.seconds), '--json', ...udp);
  await ended;
  const { end } = JSON.parse(report) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second;
}
