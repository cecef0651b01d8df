/** Reads the Prometheus text format 0.0.4 strictly: whatever its description does not allow is an error. */

export interface Family {
  type: string;
  help: string;
  samples: { labels: Record<string, string>; value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const VALUE = '[+-]?(?:Inf|[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?)|NaN';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (${VALUE})$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/y;

export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice`);
      families.set(name, { type: '', help: rest, samples: [] });
      current = name;
    } else if (keyword === 'TYPE') {
      if (name !== current || !/^(?:counter|gauge)$/.test(rest)) throw new Error(`stray type: ${line}`);
      families.get(name)!.type = rest;
    } else families.get(current)!.samples.push(sampleOf(line, current));
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function sampleOf(line: string, family: string): Family['samples'][number] {
  const [, name, labelText = '', value] = SAMPLE.exec(line) ?? [];
  if (name !== family) throw new Error(`no sample of ${family}: ${line}`);
  const labels: Record<string, string> = {};
  for (LABEL.lastIndex = 0; LABEL.lastIndex < labelText.length;) {
    const match = LABEL.exec(labelText);
    if (!match) throw new Error(`labels: ${line}`);
    labels[match[1]!] = match[2]!.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return { labels, value: Number(value) };
}

function check(name: string, { type, help, samples }: Family): void {
  if (type === '' || help === '') throw new Error(`${name} has no type or help`);
  if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is named unlike a ${type}`);
  const series = samples.map(({ labels }) => Object.entries(labels).map(String).toSorted().join('\n'));
  if (new Set(series).size < series.length) throw new Error(`${name} has the same labels twice`);
}
