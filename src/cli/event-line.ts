/** Events as people read them. */
import { EVENT_NAMES } from '../control/events.ts';
import type { SwitchEvent } from '../control/events.ts';

const NAME_WIDTH = Math.max(...EVENT_NAMES.map((name) => name.length));

/** `TIME EVENT port=red key=value …`; what could be mistaken for more than one value is quoted as JSON does. */
export function formatEvent({ time, event, port, ...data }: SwitchEvent): string {
  const fields = Object.entries(port === undefined ? data : { port, ...data });
  const text = fields.map(([key, value]) => `${key}=${formatValue(value)}`).join(' ');
  return `${time}  ${event.padEnd(NAME_WIDTH)}  ${text}`.trimEnd();
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.map(formatValue).join(',');
  return JSON.stringify(value);
}
