/** Parameters of logics on the command line. */
import { InvalidArgumentError } from 'commander';

/** `name=value`: the value as JSON if it is some, as text otherwise. Repeated ones add up. */
export function parseParam(text: string, before?: Record<string, unknown>): Record<string, unknown> {
  const [, name, value] = /^([A-Za-z][A-Za-z0-9]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Give NAME=VALUE, like limit=100.');
  return { ...before, [name]: parseValue(value) };
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
