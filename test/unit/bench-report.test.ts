/** What the report of a run says: ratios first, the right figure in the right row, and what was not measured by name. */
import { describe, expect, test } from 'vitest';
import type { MicroRow } from '../../bench/micro/micro.ts';
import { microTables } from '../../bench/micro/report.ts';
import { Groups } from '../../bench/report/conditions.ts';
import { renderReport } from '../../bench/report/markdown.ts';
import { parseResult, readResult } from '../../bench/report/read.ts';
import { Results } from '../../bench/results.ts';
import { reportOf, rounds, sample, wideReport } from '../support/bench-report.ts';

/** The cells of the first row that begins with these. */
function row(text: string, ...first: string[]): string[] | undefined {
  const rows = text.split('\n').map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return rows.find((cells) => first.every((cell, k) => cells[k] === cell));
}

describe('the report', () => {
  test('shows ratios before targets before figures, and names what failed and was skipped', () => {
    const samples = [
      ...rounds('tswitch-veth', 'framesPerSecond', 300_000, { frameBytes: 64, flows: 1 }),
      ...rounds('linux-bridge', 'framesPerSecond', 200_000, { frameBytes: 64, flows: 1 }),
      ...rounds('tswitch-veth', 'tcpBetter', 1e9, { streams: 1 }),
      ...rounds('linux-bridge', 'tcpBetter', 10e9, { streams: 1 }),
    ];
    const text = renderReport(
      reportOf(samples, {
        skipped: [{ name: 'vde-switch', reason: 'not installed' }],
        failures: [{ round: 2, subject: 'linux-bridge', message: 'it broke' }],
      }),
    );
    const order = [
      '## Ratios to linux-bridge',
      '## Targets',
      '## Figures',
      '## Failed',
      '## Skipped',
      '## Environment',
    ];
    expect(order.map((heading) => text.indexOf(`${heading}\n`))).toEqual(
      order.map((heading) => text.indexOf(`${heading}\n`)).toSorted((a, b) => a - b),
    );
    expect(text.indexOf(order[0]!)).toBeGreaterThan(0);
    expect(row(text, '64-byte frames, 1 flow', '≥ 1.30 × linux-bridge')?.slice(2)).toEqual([
      'tswitch-veth: 1.50 ×',
      'met',
    ]);
    expect(row(text, 'TCP, better direction', '≥ 0.80 × linux-bridge')?.slice(2)).toEqual(['0.10 ×', '**short**']);
    expect(text).toMatch(/^Not measured in this run: .*ping, one per second/m);
    expect(text).toContain('- vde-switch: not installed');
    expect(text).toContain('- linux-bridge, round 2: it broke');
    expect(text).toContain('- ovs-netdev: about ovs-netdev; help: a hand');
    expect(text).toContain('meltdown: Mitigation: PTI');
    expect(text).toContain('- iperf3: iperf 3.12');
  });

  test('has a row for each subject and condition, sorted, with CPU time beside the rate and the spread in it', () => {
    const text = renderReport(wideReport());
    const figures = text.slice(text.indexOf('## Figures'));
    expect(row(figures, '64 B', 'tswitch-veth')?.slice(2)).toEqual(['500 (495 to 505)', '1500 (1485 to 1515)']);
    expect(row(figures, '65,536 MACs', 'linux-bridge')?.slice(2)).toEqual(['180 (178 to 182)']);
    expect(figures).toContain('### Throughput (1 flow)');
    expect(figures).toContain('### Overload (64 B)');
    const frames = Array.from(figures.matchAll(/^\| (64 B|1518 B|IMIX) +\| /gm), ([, size]) => size);
    expect(frames).toEqual(['64 B', '64 B', '64 B', '1518 B', '1518 B', '1518 B', 'IMIX', 'IMIX', 'IMIX']);
  });

  test('a condition that all rows share is told once, over the table', () => {
    const text = renderReport(
      reportOf(rounds('tswitch-veth', 'latencyP99Us', 70, { loadPercent: 50, frameBytes: 64 })),
    );
    expect(text).toContain('### Latency (64 B, 50 % of NDR)');
  });

  test('a target that compares a subject with itself takes the figure of the other condition, round by round', () => {
    const at = { frameBytes: 64 };
    const samples = [
      sample(1, 'tswitch-veth', 'framesPerSecond', 400, { ...at, flows: 1 }),
      sample(1, 'tswitch-veth', 'framesPerSecond', 360, { ...at, flows: 4096 }),
      sample(2, 'tswitch-veth', 'framesPerSecond', 100, { ...at, flows: 1 }),
      sample(2, 'tswitch-veth', 'framesPerSecond', 110, { ...at, flows: 4096 }),
    ];
    const text = renderReport(reportOf(samples));
    expect(row(text, '4,096 flows, to 1 flow')?.slice(1)).toEqual([
      '≥ 0.95 ×',
      'tswitch-veth: 1.00 × (0.90 × to 1.10 ×)',
      'met',
    ]);
  });

  test('of several subjects the best counts for a target', () => {
    const at = { frameBytes: 64, flows: 1 };
    const samples = [
      ...rounds('tswitch-veth', 'framesPerSecond', 250, at),
      ...rounds('tswitch-xdp', 'framesPerSecond', 300, at),
      ...rounds('linux-bridge', 'framesPerSecond', 200, at),
    ];
    const text = renderReport(reportOf(samples));
    expect(row(text, '64-byte frames, 1 flow', '≥ 1.30 × linux-bridge')?.[2]).toBe('tswitch-xdp: 1.50 ×');
  });

  test('a bar in what a program said does not break a table', () => {
    const barred = { table: 't', name: 'a | b', metric: 'nsPerCall', value: 7, reference: 'a | b', hash: '0' } as const;
    const text = renderReport(reportOf([], { micro: [barred] }));
    expect(text).toContain('| a \\| b |');
  });
});

describe('a result file', () => {
  test('comes back as it was written', () => {
    const report = wideReport();
    expect(parseResult('x.json', JSON.stringify(report))).toEqual(report);
  });

  test('of an older version is read: what it did not know is unknown', () => {
    const { distributions: _, ...old } = wideReport();
    const { versions: __, clockSource: ___, ...environment } = old.environment;
    const read = parseResult('old.json', JSON.stringify({ ...old, environment: { ...environment, openVswitch: 'x' } }));
    expect(read).toMatchObject({ distributions: [], environment: { versions: {}, clockSource: null } });
  });

  test('of a newer version is read without the metrics that are not known here', () => {
    const report = wideReport();
    const text = JSON.stringify(report).replaceAll('"tcpBetter"', '"framesPerFortnight"');
    const read = parseResult('new.json', text);
    expect(read.samples.length).toBe(report.samples.filter(({ metric }) => metric !== 'tcpBetter').length);
  });

  test('that is none is refused in one line that says why', () => {
    expect(() => parseResult('a.json', 'hello')).toThrow('a.json is not JSON');
    expect(() => parseResult('b.json', '{}')).toThrow(/^b\.json is no result of npm run bench: environment: .+$/);
    expect(() => readResult('/nowhere/c.json')).toThrow('there is no file /nowhere/c.json');
  });
});

test('a table of micro-benchmarks shows the median of the rounds with its spread, and ratios formed within them', () => {
  const results = new Results();
  const rowOf = (name: string, value: number): MicroRow => {
    return { table: 'sums', name, metric: 'nsPerOperation', value, reference: 'plain', hash: '00000007' };
  };
  for (const [k, [plain, fast]] of [
    [100, 50],
    [200, 80],
    [400, 240],
  ].entries()) {
    results.addMicro(k + 1, [rowOf('plain', plain!), rowOf('fast', fast!)]);
  }
  const [table, ...others] = microTables(results.micro, new Groups(results.samples));
  expect(others).toEqual([]);
  expect(table).toMatchObject({ title: 'sums', header: ['', 'time per operation, ns', "to 'plain'", 'hash'] });
  expect(table!.rows).toEqual([
    ['plain', '200.0 (100.0 to 400.0)', '1.00 ×', '00000007'],
    ['fast', '80.0 (50.0 to 240.0)', '0.50 ×', '00000007'],
  ]);
});
