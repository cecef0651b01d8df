/** /v1/fdb: list, give, remove and flush entries of the MAC table. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { fdbEntry, fdbEntryParams, fdbFlush, fdbFlushed, fdbPage, fdbQuery, fdbRequest } from '../schemas/fdb.ts';
import { CHANGE_ERRORS, errors, json, jsonBody } from './responses.ts';

const tags = ['fdb'];
const nothing = strictObject({});

const listFdb = createRoute({
  method: 'get',
  path: '/v1/fdb',
  summary: 'List the MAC table (FDB), filtered and in pages',
  tags,
  request: { query: fdbQuery },
  responses: { 200: json(fdbPage, 'One page of entries.'), ...errors('BAD_REQUEST', 'PORT_NOT_FOUND') },
});

const addFdb = createRoute({
  method: 'post',
  path: '/v1/fdb',
  summary: 'Give an entry',
  description: 'It replaces a learned or given entry of the same address and VLAN.',
  tags,
  request: { query: nothing, body: jsonBody(fdbRequest) },
  responses: {
    201: json(fdbEntry, 'The entry that was given.'),
    ...errors(
      ...CHANGE_ERRORS,
      'BAD_REQUEST',
      'PORT_NOT_FOUND',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'LIMIT_REACHED',
    ),
  },
});

const removeFdb = createRoute({
  method: 'delete',
  path: '/v1/fdb/{vlan}/{mac}',
  summary: 'Remove one entry, learned or given',
  tags,
  request: { params: fdbEntryParams, query: nothing },
  responses: { 204: { description: 'Removed.' }, ...errors(...CHANGE_ERRORS, 'BAD_REQUEST', 'FDB_ENTRY_NOT_FOUND') },
});

const flushFdb = createRoute({
  method: 'post',
  path: '/v1/fdb/flush',
  summary: 'Forget entries',
  description:
    'Those that match every field given; without `kind` learned (`dynamic`) ones only. The body may be left out.',
  tags,
  request: { query: nothing, body: jsonBody(fdbFlush, false) },
  responses: {
    200: json(fdbFlushed, 'How many entries were removed.'),
    ...errors(...CHANGE_ERRORS, 'BAD_REQUEST', 'PORT_NOT_FOUND', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
  },
});

export function fdbRoutes(control: SwitchControl): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listFdb, async (context) => {
    const { limit, cursor, ...filter } = defined(context.req.valid('query'));
    return context.json(await control.fdb(filter, cursor === undefined ? { limit } : { limit, cursor }), 200);
  });
  app.openapi(addFdb, async (context) => context.json(await control.addFdb(defined(context.req.valid('json'))), 201));
  app.openapi(removeFdb, async (context) => {
    const { vlan, mac } = context.req.valid('param');
    await control.removeFdb(vlan, mac);
    return context.body(null, 204);
  });
  app.openapi(flushFdb, async (context) =>
    context.json({ removed: await control.flushFdb(defined(context.req.valid('json'))) }, 200),
  );
  return app;
}
