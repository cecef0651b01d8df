/**
 * Building blocks of the schemas: strict, each with one sentence that says what is allowed. The sentences, units and
 * ranges end up in the OpenAPI document and in the errors, so they are written once, here and beside the fields.
 */
import { z } from '@hono/zod-openapi';
import { PORT_NAME, VID_MAX, VID_MIN } from '../../limits.ts';

/** Says what a value must be, or that it is missing. */
function mustBe(what: string): (issue: { input?: unknown }) => string {
  return (issue) => (issue.input === undefined ? `is missing; it must be ${what}` : `must be ${what}`);
}

function wholeNumber(min: number, max: number): string {
  return `a whole number from ${min} to ${max}`;
}

export function integer(min: number, max: number): z.ZodInt {
  const what = wholeNumber(min, max);
  return z
    .int({ error: mustBe(what) })
    .min(min, `must be ${what}`)
    .max(max, `must be ${what}`);
}

/** A whole number from 1 to `max`, or null for no limit. */
export function limit(max: number) {
  const what = `${wholeNumber(1, max)}, or null for no limit`;
  return z
    .int({ error: mustBe(what) })
    .min(1, `must be ${what}`)
    .max(max, `must be ${what}`)
    .nullable();
}

/** A whole number in a query string, where everything is text. */
export function integerText(min: number, max: number) {
  return z
    .string({ error: `must be ${wholeNumber(min, max)}, given once` })
    .transform((digits) => (/^[0-9]{1,15}$/.test(digits) ? Number(digits) : Number.NaN))
    .pipe(integer(min, max))
    .openapi({ type: 'integer', minimum: min, maximum: max });
}

export function text(what: string, lengthMax: number) {
  return z.string({ error: mustBe(what) }).max(lengthMax, `must be ${what}, of ${lengthMax} characters at most`);
}

export function flag() {
  return z.boolean({ error: mustBe('true or false') });
}

export function oneOf<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z.enum(names, { error: mustBe(names.length > 1 ? `one of ${names.join(', ')}` : `"${names[0]}"`) });
}

export function list<Item extends z.ZodType>(item: Item, itemsMax: number) {
  return z.array(item, { error: mustBe('a list') }).max(itemsMax, `must have ${itemsMax} items at most`);
}

/**
 * An object that refuses unknown fields, naming them and what is allowed.
 *
 * @param unsettable what to say of fields that do exist, but are not to be set here
 */
export function strictObject<Shape extends z.ZodRawShape>(
  shape: Shape,
  unsettable: Readonly<Record<string, string>> = {},
) {
  const allowed = Object.keys(shape).join(', ') || 'none';
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return 'must be a JSON object';
      return issue.keys.map((key) => unknownField(key, allowed, unsettable)).join('; ');
    },
  });
}

function unknownField(key: string, allowed: string, unsettable: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(unsettable, key)) return `field "${key}" ${unsettable[key]}; allowed: ${allowed}`;
  return `unknown field "${key}"; allowed: ${allowed}`;
}

type Optional<Shape extends z.ZodRawShape> = { [Key in keyof Shape]: z.ZodOptional<Shape[Key]> };

/** The same fields, each of which may be left out. */
export function optional<Shape extends z.ZodRawShape>(shape: Shape): Optional<Shape> {
  return Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, z.optional(schema)])) as Optional<Shape>;
}

export const portName = z
  .string({ error: mustBe('a port name') })
  .regex(PORT_NAME, 'must be a port name: 1 to 64 of A-Z a-z 0-9 . _ : -')
  .openapi({ description: 'Name of the port, unique in the switch.', example: 'red' });

export const vid = integer(VID_MIN, VID_MAX).openapi({ description: 'VLAN ID (VID).', example: 10 });

export const macAddress = z
  .string({ error: mustBe('a MAC address') })
  .regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i, 'must be a MAC address, like 02:00:00:00:00:01')
  .toLowerCase()
  .openapi({ description: 'MAC address, lower case.', example: '02:00:00:00:00:01' });

export const moment = z.iso.datetime().openapi({ description: 'RFC 3339, UTC.', example: '2026-01-31T12:00:00.000Z' });

/** A count since the port or the daemon began; exact up to 2^53. */
export function count(what: string) {
  return z.int().min(0).openapi({ description: what });
}

/** An object without the keys whose value is undefined: zod's optional fields may have them, ours may not. */
export type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
