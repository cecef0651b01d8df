/** Looks into an OpenAPI document: its operations, its schemas, and what does not fit them. */
import { z } from 'zod';

export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  additionalProperties?: Schema | boolean;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxLength?: number;
  pattern?: string;
}

export interface Content {
  schema?: Schema;
}

export interface Operation {
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { required?: boolean; content: Record<string, Content> };
  responses: Record<string, { description: string; content?: Record<string, Content> }>;
}

export interface OpenApi {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface Route {
  path: string;
  method: string;
  operation: Operation;
}

export function routesOf({ paths }: OpenApi): Route[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
}

export function nameOf(reference: string): string {
  return reference.split('/').at(-1) ?? '';
}

/** Follows references. */
export function resolved(document: OpenApi, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const target = document.components.schemas[nameOf(schema.$ref)];
  if (!target) throw new Error(`${schema.$ref} leads nowhere`);
  return resolved(document, target);
}

/** Checks values against schemas of the document, each of which is turned into a validator once. */
export class Validator {
  readonly #document: OpenApi;
  readonly #made = new Map<Schema, z.ZodType>();

  constructor(document: OpenApi) {
    this.#document = document;
  }

  /** What is wrong with the value, or null. */
  problem(schema: Schema, value: unknown): string | null {
    const { success, error } = this.#validator(schema).safeParse(value);
    return success ? null : z.prettifyError(error);
  }

  #validator(schema: Schema): z.ZodType {
    const made = this.#made.get(schema);
    if (made) return made;
    const { schemas } = this.#document.components;
    const text = JSON.stringify({ ...schema, $defs: schemas }).replaceAll('#/components/schemas/', '#/$defs/');
    const validator = z.fromJSONSchema(JSON.parse(text));
    this.#made.set(schema, validator);
    return validator;
  }
}
