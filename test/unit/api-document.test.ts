/** The OpenAPI document says everything a client must know, and docs/api.md says the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS } from '../../src/api/errors.ts';
import { apiDocument, apiPage } from '../support/api-page.ts';
import { nameOf, resolved, routesOf } from '../support/openapi.ts';
import type { Schema } from '../support/openapi.ts';

const document = await apiDocument();
const routes = routesOf(document);

/** Every schema inside this one, with its place; named ones are looked at by themselves. */
function* within(schema: Schema, place: string): Generator<[string, Schema]> {
  yield [place, schema];
  for (const [name, property] of Object.entries(schema.properties ?? {})) yield* within(property, `${place}.${name}`);
  if (schema.items) yield* within(schema.items, `${place}[]`);
  for (const each of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])])
    yield* within(each, place);
  if (typeof schema.additionalProperties === 'object') yield* within(schema.additionalProperties, `${place}.*`);
}

function* allSchemas(): Generator<[string, Schema]> {
  for (const [name, schema] of Object.entries(document.components.schemas)) yield* within(schema, name);
  for (const { path, method, operation } of routes) {
    const contents = [
      operation.requestBody?.content,
      ...Object.values(operation.responses).map(({ content }) => content),
    ];
    for (const { schema } of contents.flatMap((content) => Object.values(content ?? {}))) {
      if (schema) yield* within(schema, `${method} ${path}`);
    }
  }
}

test('every property has a description, its own or that of the shape it is', () => {
  const silent: string[] = [];
  for (const [place, { properties = {} }] of allSchemas()) {
    for (const [name, property] of Object.entries(properties)) {
      const isDescribed =
        property.description || resolved(document, property).description || property.$ref || isShape(property);
      if (!isDescribed) silent.push(`${place}.${name}`);
    }
  }
  expect(silent).toEqual([]);
});

/** Null, or a shape whose fields are described: no more can be said of it. */
function isShape({ anyOf, allOf }: Schema): boolean {
  return [...(anyOf ?? []), ...(allOf ?? [])].some((each) => each.$ref !== undefined);
}

test('every number of a request has a range', () => {
  const unbounded: string[] = [];
  const requests = Object.entries(document.components.schemas).filter(([name]) => /Request$|Patch$|Flush$/.test(name));
  expect(requests.length).toBeGreaterThan(5);
  for (const [name, schema] of requests) {
    for (const [place, { type, minimum, maximum }] of within(schema, name)) {
      const isNumber = [type].flat().some((each) => each === 'integer' || each === 'number');
      if (isNumber && (minimum === undefined || maximum === undefined)) unbounded.push(place);
    }
  }
  expect(unbounded).toEqual([]);
});

test.each(routes)('$method $path names its answers, and every error with its code', ({ method, path, operation }) => {
  expect(operation.summary).toBeTruthy();
  const statuses = Object.keys(operation.responses).map(Number);
  expect(statuses.filter((status) => status < 300)).toHaveLength(1);
  expect(statuses).toEqual(expect.arrayContaining([400, 401, 403, 500]));
  if (operation.requestBody) expect(statuses).toEqual(expect.arrayContaining([413, 415]));
  if (path.includes('{')) expect(statuses).toContain(404);
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    expect(description).not.toBe('');
    if (Number(status) < 400 || (path === '/healthz' && status === '503')) continue;
    const schema = content?.['application/json']?.schema;
    expect(nameOf(schema?.$ref ?? ''), `${method} ${path} ${status}`).toBe('Error');
    const codes = Array.from(description.matchAll(/(?:^|; )([A-Z][A-Z_]+): /g), ([, code = '']) => code);
    expect(codes.length).toBeGreaterThan(0);
    for (const code of codes)
      expect(Object.entries(ERRORS).find(([name]) => name === code)?.[1].status, code).toBe(Number(status));
  }
  for (const { name, description, schema } of operation.parameters ?? []) {
    expect(description ?? schema?.description, `${method} ${path} ${name}`).toBeTruthy();
  }
});

test('docs/api.md is what the document says: else run npm run docs', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
  expect(page).toBe(await apiPage());
});
