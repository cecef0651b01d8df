/** The log: levels, formats, and lines that stay lines whatever is in them. */
import { fstatSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { createLog, faultFields, LOG_LEVELS, type LogFormat, type LogLevel } from '../../src/control/log.ts';

afterEach(() => vi.unstubAllEnvs());

function written(
  level: LogLevel,
  format: LogFormat,
  toJournal: boolean,
): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = [];
  return { lines, log: createLog({ level, format, toJournal, write: (line) => lines.push(line) }) };
}

test.each(LOG_LEVELS)('level %s leaves out what is less serious', (level) => {
  const { lines, log } = written(level, 'text', false);
  for (const each of LOG_LEVELS) log[each]('said');
  expect(lines.map((line) => line.split(' ')[1])).toEqual(LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(level) + 1));
});

test('text has time, level, message and fields; only what needs quotes has them', () => {
  const { lines, log } = written('info', 'text', false);
  log.warn('port lost', { port: 'red', reason: 'the "far" end is gone', tries: 3, last: null, never: undefined });
  expect(lines).toEqual([
    expect.stringMatching(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn {2}port lost port=red reason="the \\"far\\" end is gone" tries=3 last=null\n$/,
    ),
  ]);
});

test('JSON is a document per line, whose own names no field replaces', () => {
  const { lines, log } = written('info', 'json', true);
  log.error('port lost', { port: 'red', time: 'never', level: 'debug', message: 'none' });
  expect(JSON.parse(lines[0]!)).toEqual({
    ...{ time: expect.stringMatching(/Z$/), level: 'error', message: 'port lost', port: 'red' },
  });
  expect(lines[0]!.indexOf('\n')).toBe(lines[0]!.length - 1);
});

test('the journal gets priorities and no time', () => {
  const { lines, log } = written('debug', 'text', true);
  for (const level of LOG_LEVELS) log[level]('said', { port: 'red' });
  expect(lines).toEqual(['<3>said port=red\n', '<4>said port=red\n', '<6>said port=red\n', '<7>said port=red\n']);
});

test.each<LogFormat>(['text', 'json'])('%s: nothing that is logged ends a line or reaches the terminal', (format) => {
  const { lines, log } = written('info', format, false);
  const fault = faultFields(new Error('first\nsecond\u001b[31m\u009b'));
  log.info('a\nb', { port: 'x\ny', ...fault });
  expect(lines).toHaveLength(1);
  expect(lines[0]!.slice(0, -1)).not.toMatch(format === 'text' ? /\p{Cc}/u : /\n/);
  expect(lines[0]).toContain('log.test.ts');
});

test('the journal is known by the stream that the service manager made', () => {
  const spy = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const { dev, ino } = fstatSync(2);
    vi.stubEnv('JOURNAL_STREAM', `${dev}:${ino}`);
    createLog({ level: 'info', format: 'text' }).info('said');
    vi.stubEnv('JOURNAL_STREAM', `${dev}:${ino + 1}`);
    createLog({ level: 'info', format: 'text' }).info('said');
    expect(spy.mock.calls.map(([line]) => String(line).replace(/^\d.*Z/, 'TIME'))).toEqual([
      '<6>said\n',
      'TIME info  said\n',
    ]);
  } finally {
    spy.mockRestore();
  }
});
