/**
 * The log of the daemon: a line on standard error for what who runs it wants to know; never one per frame. It is text for
 * people or JSON for programs. Under systemd the text carries the priorities of the journal (sd-daemon(3)) and no time, which
 * the journal has already.
 *
 * What belongs to which level: `error`, something does not work and stays so until someone mends it; `warn`, something went
 * wrong and the switch goes on or mends it by itself; `info`, what happens a few times in the life of a daemon; `debug`, each
 * request. So a daemon that runs well says almost nothing.
 */
import { fstatSync } from 'node:fs';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What a line is about, by name. Undefined ones are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A message is a phrase without variable parts, so that lines of one kind can be found; those parts are fields. */
export type Log = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;

export interface LogOptions {
  /** What is less serious than this is left out. */
  level: LogLevel;
  format: LogFormat;
  /** Takes a line with its end; by default standard error. */
  write?: (line: string) => void;
  /** Whether lines go to the journal; by default asked of the environment and standard error. */
  toJournal?: boolean;
}

/** Priorities of syslog(3), which the journal reads in angle brackets at the start of a line. */
const PRIORITIES: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
const LEVEL_WIDTH = Math.max(...LOG_LEVELS.map((level) => level.length));

export const SILENT: Log = { error: nothing, warn: nothing, info: nothing, debug: nothing };

export function createLog({ level, format, write = writeStderr, toJournal = isJournal(2) }: LogOptions): Log {
  const render = format === 'json' ? asJson : toJournal ? asJournal : asText;
  const logger = (at: LogLevel) => {
    if (LOG_LEVELS.indexOf(at) > LOG_LEVELS.indexOf(level)) return nothing;
    return (message: string, fields: LogFields = {}) => write(`${render(at, message, fields)}\n`);
  };
  return { error: logger('error'), warn: logger('warn'), info: logger('info'), debug: logger('debug') };
}

/** Of an error that nobody should have caused: all that helps to find it. */
export function faultFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: error.message, stack: error.stack };
}

function nothing(): void {}

function writeStderr(line: string): void {
  process.stderr.write(line);
}

function asJson(level: LogLevel, message: string, fields: LogFields): string {
  // The line's own names last, so that no field can replace them.
  return JSON.stringify({ ...fields, time: new Date().toISOString(), level, message });
}

function asText(level: LogLevel, message: string, fields: LogFields): string {
  return `${new Date().toISOString()} ${level.padEnd(LEVEL_WIDTH)} ${sentence(message, fields)}`;
}

function asJournal(level: LogLevel, message: string, fields: LogFields): string {
  return `<${PRIORITIES[level]}>${sentence(message, fields)}`;
}

/** One line whatever it holds: names that others made must neither end it nor steer a terminal. */
function sentence(message: string, fields: LogFields): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const words = given.map(([name, value]) => `${name}=${typeof value === 'string' ? quoted(value) : String(value)}`);
  return [message.replace(/\p{Cc}/gu, '?'), ...words].join(' ');
}

/** As it is where it can be taken for nothing else, otherwise as JSON writes it. */
function quoted(text: string): string {
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text).replace(/\p{Cc}/gu, '?');
}

/** Whether the descriptor is the stream that systemd made and named in JOURNAL_STREAM (systemd.exec(5)). */
function isJournal(fd: number): boolean {
  const named = process.env['JOURNAL_STREAM'];
  if (!named) return false;
  const { dev, ino } = fstatSync(fd);
  return named === `${dev}:${ino}`;
}
