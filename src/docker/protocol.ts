/**
 * The plugin protocol: JSON by POST, the method in the path, and `{"Err": …}` for what failed, which Docker shows its user. Docker
 * waits for ever, so every answer comes within a deadline; what was asked for goes on, and what undoes it waits for its end.
 */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { TswitchError } from '../control/errors.ts';
import { faultFields, type Log } from '../control/log.ts';
import { badRequest, BODY_BYTES_MAX } from '../api/errors.ts';

const MEDIA_TYPE = 'application/vnd.docker.plugins.v1.2+json';
/** Longer than anything takes; Docker itself gives up on a plugin that cannot be reached after 30 s. */
const DEADLINE_MS = 20_000;

/** Answers the body of one method. */
type Handler = (body: unknown) => Promise<object>;
/** By the names of methods. */
export type Handlers = Readonly<Record<string, Handler>>;

/** One method, whose body is checked first. */
export function handler<Schema extends z.ZodType>(
  schema: Schema,
  answer: (body: z.output<Schema>) => Promise<object>,
): Handler {
  return (body) => {
    const { success, data, error } = schema.safeParse(body);
    if (!success) throw badRequest(error.issues);
    return answer(data);
  };
}

export interface ProtocolOptions {
  /** Answered at once, whatever else is under way. By path, without the slash. */
  fixed: Readonly<Record<string, object>>;
  /** By interface and method, with a dot; they come once the daemon is ready. */
  handlers: Promise<Handlers>;
  log: Log;
  deadlineMs?: number;
}

export function createProtocol({ fixed, handlers, log, deadlineMs = DEADLINE_MS }: ProtocolOptions): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: BODY_BYTES_MAX }));
  app.onError((error) => {
    if (!(error instanceof TswitchError)) log.error('fault of tswitch itself', faultFields(error));
    return answerWith(500, { Err: error.message });
  });
  app.post('/:method', async (context) => {
    const { method } = context.req.param();
    const known = fixed[method];
    if (known) return answerWith(200, known);
    // Docker declares no type, and sends nothing at all where a method takes nothing.
    const text = await context.req.text();
    const answered = handlers.then((all) => all[method]?.(parsed(text)) ?? null);
    const answer = await within(deadlineMs, answered, method);
    log.debug('Docker asked', { method, known: answer !== null });
    // What newer engines ask for and this does not know they can do without.
    return answer ? answerWith(200, answer) : answerWith(404, { Err: `tswitch knows no ${method}` });
  });
  return app;
}

function parsed(text: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    throw new TswitchError('BAD_REQUEST', 'the body is not valid JSON');
  }
}

async function within<T>(ms: number, answer: Promise<T>, method: string): Promise<T> {
  // What comes after the deadline nobody hears.
  answer.catch(() => undefined);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `tswitch is busy and has not done ${method} after ${ms / 1000} s: try again`;
    reject(new TswitchError('INTERNAL', message));
  }, ms);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function answerWith(status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': MEDIA_TYPE } });
}
