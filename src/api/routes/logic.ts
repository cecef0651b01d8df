/**
 * /v1/logic: switching logic of one's own. Loading code is running code as the daemon, so over TCP it takes a
 * permission of its own (guard.ts).
 */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { logicDiff, logicName, logicPatch, logicRequest, logicUnload, logicView } from '../schemas/logic.ts';
import { CHANGE_ERRORS, errors, json, jsonBody } from './responses.ts';

const tags = ['logic'];
const params = z.object({ name: logicName });
const nothing = strictObject({});
const WITH_BODY = ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;
const OVER_TCP =
  'Over TCP only with a token that may load logics, or where the daemon was started with --allow-logic-over-tcp.';
/** What is loaded is kept, as any wish is. */
const CHANGING = ['LOGIC_NOT_PERMITTED', ...CHANGE_ERRORS] as const;

const listLogics = createRoute({
  method: 'get',
  path: '/v1/logic',
  summary: 'List the loaded logics, in the order they are asked',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ logics: z.array(logicView).openapi({ description: 'In the order they are asked.' }) }),
      'The logics. What none of them decides, the built-in one does.',
    ),
    ...errors('BAD_REQUEST'),
  },
});

const loadLogic = createRoute({
  method: 'post',
  path: '/v1/logic',
  summary: 'Check and load a logic',
  description: `A live logic of the same name is exchanged for it between two batches, and kept for a rollback. ${OVER_TCP}`,
  tags,
  request: { query: nothing, body: jsonBody(logicRequest) },
  responses: {
    201: json(logicView, 'The logic as it is now.'),
    ...errors('BAD_REQUEST', ...CHANGING, 'PORT_NOT_FOUND', 'LOGIC_REFUSED', 'LIMIT_REACHED', ...WITH_BODY),
  },
});

const showLogic = createRoute({
  method: 'get',
  path: '/v1/logic/{name}',
  summary: 'Show one logic',
  tags,
  request: { params, query: nothing },
  responses: { 200: json(logicView, 'The logic.'), ...errors('BAD_REQUEST', 'LOGIC_NOT_FOUND') },
});

const changeLogic = createRoute({
  method: 'patch',
  path: '/v1/logic/{name}',
  summary: "Change a logic's parameters, ports or VLANs",
  description: `Parameters that are left out stay. Takes effect between two batches; tables keep their content. ${OVER_TCP}`,
  tags,
  request: { params, query: nothing, body: jsonBody(logicPatch) },
  responses: {
    200: json(logicView, 'The logic as it is now.'),
    ...errors('BAD_REQUEST', ...CHANGING, 'LOGIC_NOT_FOUND', 'PORT_NOT_FOUND', 'LOGIC_REFUSED', ...WITH_BODY),
  },
});

const unloadLogic = createRoute({
  method: 'delete',
  path: '/v1/logic/{name}',
  summary: 'Unload a logic',
  description: OVER_TCP,
  tags,
  request: { params, query: logicUnload },
  responses: {
    204: { description: 'It is asked no more.' },
    ...errors('BAD_REQUEST', ...CHANGING, 'LOGIC_NOT_FOUND'),
  },
});

const showDiff = createRoute({
  method: 'get',
  path: '/v1/logic/{name}/diff',
  summary: 'Show where the version in shadow would have done otherwise',
  tags,
  request: { params, query: nothing },
  responses: { 200: json(logicDiff, 'Counts, and some of the frames.'), ...errors('BAD_REQUEST', 'LOGIC_NOT_FOUND') },
});

const promoteLogic = createRoute({
  method: 'post',
  path: '/v1/logic/{name}/promote',
  summary: 'Make the version in shadow live',
  description: `In every worker between two batches: no frame is lost. ${OVER_TCP}`,
  tags,
  request: { params, query: nothing },
  responses: {
    200: json(logicView, 'The logic as it is now.'),
    ...errors('BAD_REQUEST', ...CHANGING, 'LOGIC_NOT_FOUND'),
  },
});

const rollBackLogic = createRoute({
  method: 'post',
  path: '/v1/logic/{name}/rollback',
  summary: 'Make the version before the live one live again',
  description: `Doing it twice brings the newer one back. ${OVER_TCP}`,
  tags,
  request: { params, query: nothing },
  responses: {
    200: json(logicView, 'The logic as it is now.'),
    ...errors('BAD_REQUEST', ...CHANGING, 'LOGIC_NOT_FOUND'),
  },
});

export function logicRoutes({ logic }: SwitchControl): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listLogics, (context) => context.json({ logics: logic.list() }, 200));
  app.openapi(loadLogic, async (context) => {
    const view = await logic.load(defined(context.req.valid('json')));
    return context.json(view, 201, { Location: `/v1/logic/${view.name}` });
  });
  app.openapi(showLogic, (context) => context.json(logic.show(context.req.valid('param').name), 200));
  app.openapi(changeLogic, async (context) => {
    return context.json(await logic.change(context.req.valid('param').name, defined(context.req.valid('json'))), 200);
  });
  app.openapi(unloadLogic, async (context) => {
    await logic.unload(context.req.valid('param').name, context.req.valid('query').shadow === 'true');
    return context.body(null, 204);
  });
  app.openapi(showDiff, (context) => context.json(logic.diff(context.req.valid('param').name), 200));
  app.openapi(promoteLogic, async (context) => {
    return context.json(await logic.promote(context.req.valid('param').name), 200);
  });
  app.openapi(rollBackLogic, async (context) => {
    return context.json(await logic.rollback(context.req.valid('param').name), 200);
  });
  return app;
}
