/** What the routes' descriptions have in common: JSON contents, and the errors with their codes and statuses. */
import { z } from '@hono/zod-openapi';
import { ERRORS } from '../errors.ts';
import type { ApiErrorCode } from '../errors.ts';

const codes = Object.keys(ERRORS).filter((code): code is ApiErrorCode => code in ERRORS);

const errorBody = z
  .object({
    error: z
      .object({
        code: z.enum(codes).openapi({
          description: codes.map((code) => `\`${code}\` (${ERRORS[code].status}): ${ERRORS[code].meaning}`).join('. '),
        }),
        message: z.string().openapi({ description: 'One sentence: what failed, and what to do about it.' }),
        details: z
          .unknown()
          .openapi({ description: 'More for programs, or null; for BAD_REQUEST the fields at fault.' }),
      })
      .openapi({ description: 'Why the request was refused, or failed.' }),
  })
  .openapi('Error');

export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

export function jsonBody<Schema extends z.ZodType>(schema: Schema, required = true) {
  return { required, content: { 'application/json': { schema } } };
}

/** What any change of what is wished may be refused with. */
export const CHANGE_ERRORS = ['CONFIRMATION_PENDING', 'STATE_FULL', 'STATE_FAILED'] as const;

/** What any request over TCP may be refused with (guard.ts), and any at all. */
const ALWAYS = ['UNAUTHORIZED', 'READ_ONLY_TOKEN', 'HOST_REFUSED', 'ORIGIN_REFUSED', 'INTERNAL'] as const;

/**
 * The error answers of a route, one per status. Typed as holding none: handlers throw errors, they never return them,
 * so what they return is checked against the answers of success alone.
 */
export function errors(...possible: ApiErrorCode[]): object {
  const answers: Record<number, ReturnType<typeof json>> = {};
  for (const code of new Set([...possible, ...ALWAYS])) {
    const { status, meaning } = ERRORS[code];
    const before = answers[status] ? `${answers[status].description}; ` : '';
    answers[status] = json(errorBody, `${before}${code}: ${meaning}`);
  }
  return answers;
}
