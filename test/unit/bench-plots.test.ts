/** The plots: well-formed, escaped, and what is drawn stands where its figure says. */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { describe, expect, test } from 'vitest';
import { apart, spreadLabels } from '../../bench/plots/axes.ts';
import { drawBars } from '../../bench/plots/bars.ts';
import { drawLines } from '../../bench/plots/lines.ts';
import { renderPage } from '../../bench/plots/page.ts';
import { curveOf, rarity } from '../../bench/plots/percentiles.ts';
import { renderPlots } from '../../bench/plots/plots.ts';
import { lookOf, wrap } from '../../bench/plots/theme.ts';
import { reportOf, rounds, SUBJECTS, wideReport } from '../support/bench-report.ts';

interface Element {
  name: string;
  attributes: Record<string, string>;
  text: string;
}

/** The elements of a document in their order, with the text directly in each. @throws Error where it is not well-formed */
function parse(svg: string): Element[] {
  const parser = new SaxesParser();
  const all: Element[] = [];
  const open: Element[] = [];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }: SaxesTagPlain) => {
    const element = { name, attributes, text: '' };
    all.push(element);
    open.push(element);
  });
  parser.on('text', (text) => {
    const element = open.at(-1);
    if (element) element.text += text;
  });
  parser.on('closetag', () => open.pop());
  parser.write(svg).close();
  return all;
}

const texts = (elements: Element[]): string[] => elements.filter(({ name }) => name === 'text').map(({ text }) => text);
const same = (value: number) => ({ median: value, min: value, max: value });
const print = (value: number): string => String(value);

describe('the plots of a run', () => {
  const plots = renderPlots(wideReport());

  test('are those that there are samples for', () => {
    expect(plots.map(({ name }) => name)).toEqual([
      'throughput',
      'overload',
      'cpu',
      'loss',
      'latency',
      'tcp',
      'round-trip',
      'scaling',
    ]);
    expect(renderPlots(reportOf([]))).toEqual([]);
    const some = renderPlots(reportOf(rounds('linux-bridge', 'rttMedianUs', 50)));
    expect(some.map(({ name }) => name)).toEqual(['round-trip']);
  });

  test.each(plots.map(({ name, svg }) => [name, svg]))(
    '%s is well-formed and has nothing outside of its page',
    (_, svg) => {
      const elements = parse(svg);
      const [, , width = 0, height = 0] = elements[0]!.attributes['viewBox']!.split(' ').map(Number);
      expect(elements[0]).toMatchObject({ name: 'svg', attributes: { xmlns: 'http://www.w3.org/2000/svg' } });
      for (const { attributes } of elements) {
        for (const [key, value] of Object.entries(attributes)) expect(value, key).not.toMatch(/NaN|Infinity|undefined/);
        if (attributes['x'] !== undefined) expect(Number(attributes['x'])).toBeLessThan(width);
        if (attributes['y'] !== undefined) expect(Number(attributes['y'])).toBeLessThan(height);
      }
    },
  );

  test.each(plots.map(({ name, svg }) => [name, svg]))(
    '%s names every subject, its unit, and where it was measured',
    (_, svg) => {
      const all = texts(parse(svg));
      for (const subject of SUBJECTS) expect(all).toContain(subject);
      expect(all.join('\n')).toMatch(/kpps|ns|%|µs|Gbit\/s/);
      const foot = all.at(-1);
      expect(foot).toContain(
        'a CPU <fast & cheap>, 2 cores, kvm, Linux 6.18 · 2026-01-02 · tswitch 0.1.0 (0123456789)',
      );
    },
  );

  test('their titles say what was found', () => {
    const titles = Object.fromEntries(plots.map(({ name, title }) => [name, title]));
    expect(titles['throughput']).toBe(
      '64-byte frames: tswitch-veth carries 2.00 × the Linux bridge, 3.0 × Open vSwitch',
    );
    expect(titles['cpu']).toBe('CPU time per frame: tswitch-veth takes 0.50 × the Linux bridge, 0.33 × Open vSwitch');
    expect(titles['loss']).toBe(
      '64 B: less than 1 % is lost by tswitch-veth up to 400 kpps (no more was offered), by the Linux bridge up to 100 kpps, by Open vSwitch up to 100 kpps',
    );
    expect(titles['latency']).toContain('99 % of frames take tswitch-veth no more than 100 µs');
    expect(titles['scaling']).toBe('Of its rate, tswitch-veth keeps 90 % from 1 to 65,536 MACs');
  });

  test('CPU time is that at overload, where it was measured: at the NDR who spins has that in it', () => {
    const plot = renderPlots(
      reportOf([
        ...rounds('tswitch-veth', 'cpuNsPerFrame', 1000, { frameBytes: 64, flows: 1 }),
        ...[64, 'imix'].flatMap((frameBytes) =>
          rounds('tswitch-veth', 'cpuNsPerFrame', 2000, { frameBytes, loadPercent: 100 }),
        ),
      ]),
    ).find(({ name }) => name === 'cpu');
    expect(texts(parse(plot!.svg))).toContain('1000');
    expect(texts(parse(plot!.svg))).not.toContain('2000');
  });
});

test('what a program or a host is called is escaped, and control characters do not get through', () => {
  const words = { title: '<script>&"\u0001', subtitle: 'a < b', footer: ']]> &amp;' };
  const svg = renderPage(words, { height: 10, content: '' });
  const elements = parse(svg);
  expect(svg).not.toContain('<script>');
  expect(texts(elements)).toEqual(['<script>&"\ufffd', 'a < b', ']]> &amp;']);
});

test('a bar is as long as its median, and its whisker goes from the lowest round to the highest', () => {
  const spreads = new Map([
    ['tswitch-veth', { median: 100, min: 50, max: 200 }],
    ['linux-bridge', same(200)],
  ]);
  const { content } = drawBars({
    subjects: ['tswitch-veth', 'linux-bridge', 'vde-switch'],
    panels: [{ heading: '64 B', spreads }],
    axisTitle: 'kpps',
    unitScale: 1,
    print,
  });
  const elements = parse(`<g>${content}</g>`);
  const width = (subject: string): number =>
    Number(elements.find(({ attributes }) => attributes['data-subject'] === subject)?.attributes['width']);
  expect(width('linux-bridge')).toBeGreaterThan(100);
  expect(width('tswitch-veth')).toBeCloseTo(width('linux-bridge') / 2, 1);
  const [whisker] = elements.filter(({ attributes }) => attributes['class'] === 'whisker');
  const [, low, high] = /^M([\d.]+) .*M([\d.]+) \S+v8M/.exec(whisker!.attributes['d']!)!.map(Number);
  expect(low).toBeCloseTo(width('linux-bridge') / 4, 1);
  expect(high).toBeCloseTo(width('linux-bridge'), 1);
  expect(texts(elements)).toContain('not measured');
});

test('a line goes through its points: zero at the foot, the highest near the head', () => {
  const { content } = drawLines({
    panels: [
      {
        heading: 'all',
        xTitle: 'offered',
        lines: [
          {
            subject: 'tswitch-veth',
            points: [
              { x: 0, y: same(0) },
              { x: 50, y: same(50) },
              { x: 100, y: same(100) },
            ],
          },
        ],
      },
    ],
    xScale: 'linear',
    yScale: 'linear',
    yTitle: 'lost',
    printX: print,
    printY: print,
  });
  const path = parse(`<g>${content}</g>`).find(({ attributes }) => attributes['data-subject'] === 'tswitch-veth');
  const points = Array.from(path!.attributes['d']!.matchAll(/([\d.]+),([\d.]+)/g), ([, x, y]) => [
    Number(x),
    Number(y),
  ]);
  const [[x0, y0], [x1, y1], [x2, y2]] = points as [number[], number[], number[]];
  expect([x0, y2]).toEqual([0, 0]);
  expect(x1).toBeCloseTo(x2! / 2, 1);
  expect(y1).toBeCloseTo(y0! / 2, 1);
});

describe('latencies by percentile', () => {
  const at = { loadPercent: 50 };
  const distribution = (round: number, counts: number[]) => ({
    round,
    subject: 's',
    metric: 'latency' as const,
    at,
    edgesNs: [1000, 2000, 4000, 8000],
    counts,
  });

  test('after each bin stands how rare a longer one is', () => {
    const points = curveOf([distribution(1, [0, 90, 9, 1])]);
    expect(points.map(({ x, y }) => [x, y.median])).toEqual([
      [1, 1],
      [rarity(90), 2],
      [rarity(99), 4],
      [rarity(99), 8],
    ]);
  });

  test('rounds are added up', () => {
    const [a, b] = [curveOf([distribution(1, [50, 40, 0, 0]), distribution(2, [0, 0, 9, 1])]), [50, 40, 9, 1]];
    expect(a).toEqual(curveOf([distribution(1, b)]));
  });

  test('none at all give no line', () => {
    expect(curveOf([distribution(1, [0, 0, 0, 0])])).toEqual([]);
  });
});

describe('labels', () => {
  test('that touch move apart around where they belong, in their order; others stay', () => {
    expect(spreadLabels([100, 10, 102], 14)).toEqual([94, 10, 108]);
    const crowded = spreadLabels([50, 50, 50, 51], 10);
    const sorted = crowded.toSorted((a, b) => a - b);
    for (let k = 1; k < sorted.length; k++) expect(sorted[k]! - sorted[k - 1]!).toBeGreaterThanOrEqual(10 - 1e-9);
    expect(crowded[3]).toBe(sorted[3]);
  });

  test('of an axis that would touch are left out, but not the first and the last', () => {
    const ticks = [0, 5, 50, 96, 100].map((at) => ({ at, label: String(at) }));
    expect(apart(ticks).map(({ at }) => at)).toEqual([0, 50, 100]);
  });

  test('break between words, never within', () => {
    const lines = wrap('one two three four', 60, 12);
    expect(lines.join(' ')).toBe('one two three four');
    expect(lines.length).toBeGreaterThan(1);
  });
});

test('subjects of one family share a hue and have shapes of their own', () => {
  const kinds = ['tswitch-veth', 'tswitch-tap', 'tswitch-packet', 'tswitch-xdp'].map(lookOf);
  expect(new Set(kinds.map(({ colour }) => colour)).size).toBe(1);
  expect(new Set(kinds.map(({ shape }) => shape)).size).toBe(4);
  const peers = ['tswitch-veth', 'linux-bridge', 'ovs-netdev', 'vde-switch', 'testpmd-af-packet', 'bare-veth'].map(
    lookOf,
  );
  expect(new Set(peers.map(({ colour }) => colour)).size).toBe(6);
});
