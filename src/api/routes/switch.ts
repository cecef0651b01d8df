/** /v1/vlans, /v1/fdb, /v1/switch and /v1/stats: the switch as a whole. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import {
  fdbFlush,
  fdbFlushed,
  fdbPage,
  fdbQuery,
  statsView,
  switchPatch,
  switchView,
  vlanView,
} from '../schemas/switch.ts';
import { errors, json, jsonBody } from './responses.ts';

const nothing = strictObject({});

const listVlans = createRoute({
  method: 'get',
  path: '/v1/vlans',
  summary: 'List the VLANs that ports name, with their member ports',
  tags: ['vlans'],
  request: { query: nothing },
  responses: { 200: json(z.object({ vlans: z.array(vlanView) }), 'The VLANs, ascending.'), ...errors('BAD_REQUEST') },
});

const listFdb = createRoute({
  method: 'get',
  path: '/v1/fdb',
  summary: 'List the MAC table (FDB), filtered and in pages',
  tags: ['fdb'],
  request: { query: fdbQuery },
  responses: { 200: json(fdbPage, 'One page of entries.'), ...errors('BAD_REQUEST', 'PORT_NOT_FOUND') },
});

const flushFdb = createRoute({
  method: 'post',
  path: '/v1/fdb/flush',
  summary: 'Forget learned addresses',
  description: 'All of them, or those that match every field given. The body may be left out.',
  tags: ['fdb'],
  request: { query: nothing, body: jsonBody(fdbFlush, false) },
  responses: {
    200: json(fdbFlushed, 'How many entries were removed.'),
    ...errors('BAD_REQUEST', 'PORT_NOT_FOUND', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
  },
});

const showSwitch = createRoute({
  method: 'get',
  path: '/v1/switch',
  summary: "Show the switch's settings",
  tags: ['switch'],
  request: { query: nothing },
  responses: { 200: json(switchView, 'The settings.'), ...errors('BAD_REQUEST') },
});

const changeSwitch = createRoute({
  method: 'patch',
  path: '/v1/switch',
  summary: "Change the switch's settings",
  description: 'Fields that are left out stay.',
  tags: ['switch'],
  request: { query: nothing, body: jsonBody(switchPatch) },
  responses: {
    200: json(switchView, 'The settings as they are now.'),
    ...errors('BAD_REQUEST', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
  },
});

const showStats = createRoute({
  method: 'get',
  path: '/v1/stats',
  summary: 'Show all counters',
  tags: ['stats'],
  request: { query: nothing },
  responses: { 200: json(statsView, 'Counters of the switch, its ports and workers.'), ...errors('BAD_REQUEST') },
});

export function switchRoutes(control: SwitchControl): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listVlans, (context) => context.json({ vlans: control.vlans() }, 200));
  app.openapi(listFdb, (context) => {
    const { limit, cursor, ...filter } = defined(context.req.valid('query'));
    return context.json(control.fdb(filter, cursor === undefined ? { limit } : { limit, cursor }), 200);
  });
  app.openapi(flushFdb, (context) =>
    context.json({ removed: control.flushFdb(defined(context.req.valid('json'))) }, 200),
  );
  app.openapi(showSwitch, (context) => context.json(control.settings(), 200));
  app.openapi(changeSwitch, async (context) =>
    context.json(await control.patchSettings(defined(context.req.valid('json'))), 200),
  );
  app.openapi(showStats, (context) => context.json(control.stats(), 200));
  return app;
}
