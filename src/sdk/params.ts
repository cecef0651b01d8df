/** Parameters of a logic, checked by its schema. */
import { z } from 'zod';

export class ParamsRefused extends Error {
  readonly problems: { field: string; problem: string }[];

  constructor(problems: { field: string; problem: string }[]) {
    super(problems.map(({ field, problem }) => `${field}: ${problem}`).join('; '));
    this.problems = problems;
  }
}

/** @param schema null: it takes none @throws ParamsRefused */
export function parseParams(schema: z.ZodType | null, params: object): unknown {
  const allowed = schema instanceof z.ZodObject ? Object.keys(schema.shape) : schema === null ? [] : null;
  const unknown = Object.keys(params).filter((name) => allowed !== null && !allowed.includes(name));
  if (allowed !== null && unknown.length > 0) {
    const problem = `there is no such parameter; there ${allowed.length > 0 ? `are ${allowed.join(', ')}` : 'is none'}`;
    throw new ParamsRefused(unknown.map((field) => ({ field, problem })));
  }
  if (schema === null) return {};
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  throw new ParamsRefused(
    parsed.error.issues.map(({ path, message }) => ({ field: path.join('.') || 'params', problem: message })),
  );
}
