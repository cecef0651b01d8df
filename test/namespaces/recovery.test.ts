/** SIGKILL with many ports: how long frames rest until the next life forwards them. The figure is printed; it is no bound. */
import { afterEach, expect, test } from 'vitest';
import type { PortView } from '../../src/control/model.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { Lab, until } from '../support/lab.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const PORTS = IS_LONG ? 64 : 12;
const KILLS = Number(process.env['TSWITCH_KILLS'] ?? (IS_LONG ? 40 : 2));
const PING_SECONDS = 0.005;

const lab = new Lab();
afterEach(() => lab.close());

test(`${PORTS} ports, ${KILLS} times`, { timeout: 180_000 + KILLS * 30_000 }, async () => {
  const [a, b, crowd] = [await lab.netns('a'), await lab.netns('b'), await lab.netns('crowd')];
  const daemon = new Daemon(lab);
  await daemon.start();
  const silent = Array.from({ length: PORTS - 2 }, (_, k) => ({
    name: `crowd-${k}`,
    kind: 'veth',
    netns: crowd.name,
    ifname: `eth${k}`,
  }));
  const ends = [a, b].map(({ name }, k) => ({ name, kind: 'veth', netns: name, addresses: [`10.61.0.${k + 1}/24`] }));
  const { status, text } = await daemon.api.send('PUT', '/v1/config', JSON.stringify({ ports: [...ends, ...silent] }));
  expect(status, text).toBe(200);
  const ports = async (): Promise<PortView[]> => (await daemon.api.get<{ ports: PortView[] }>('/v1/ports')).body.ports;
  const mac = async (name: string): Promise<string> => (await ports()).find((port) => port.name === name)!.mac!;
  // The neighbours are known for good: this is about frames.
  await a.run('ip', 'neigh', 'replace', '10.61.0.2', 'lladdr', await mac(b.name), 'dev', 'eth0', 'nud', 'permanent');
  await b.run('ip', 'neigh', 'replace', '10.61.0.1', 'lladdr', await mac(a.name), 'dev', 'eth0', 'nud', 'permanent');

  const ping = a.start('ping', '-D', '-n', '-i', String(PING_SECONDS), '10.61.0.2');
  let last = 0;
  let gap = 0;
  let rest = '';
  ping.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, seconds] = /^\[([0-9.]+)\] .*bytes from/.exec(line) ?? [];
      if (seconds === undefined) continue;
      if (last > 0) gap = Math.max(gap, Number(seconds) - last);
      last = Number(seconds);
    }
  });
  await until('the first answer', () => last > 0);
  const gaps: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const before = last;
    await until('answers', () => last > before);
    gap = 0;
    await daemon.kill();
    const killed = last;
    await daemon.start();
    await until('answers again', () => last > killed + 10 * PING_SECONDS);
    gaps.push(gap);
    expect((await ports()).filter(({ state }) => state !== 'up')).toEqual([]);
  }
  const ascending = gaps.toSorted((one, other) => one - other);
  const quantile = (q: number): string => ascending[Math.min(Math.floor(q * KILLS), KILLS - 1)]!.toFixed(3);
  console.log(
    `${PORTS} ports, ${KILLS} times killed: forwarding again after ${quantile(0.5)} s p50, ${quantile(0.95)} s p95`,
  );
});
