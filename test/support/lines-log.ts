/** A log whose lines a test reads. */
import { createLog, type Log } from '../../src/control/log.ts';

/** @param lines gets every line, as text without its end */
export function linesLog(lines: string[]): Log {
  const write = (line: string): void => void lines.push(line.trimEnd());
  return createLog({ level: 'debug', format: 'text', toJournal: false, write });
}
