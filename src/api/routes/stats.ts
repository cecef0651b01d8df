/** /v1/stats, /v1/drops and /v1/explain: what the switch did with frames, and what it would do. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { strictObject } from '../schemas/common.ts';
import { dropView, explainRequest, explainView, statsView } from '../schemas/stats.ts';
import { errors, json, jsonBody } from './responses.ts';

const tags = ['stats'];
const nothing = strictObject({});

const showStats = createRoute({
  method: 'get',
  path: '/v1/stats',
  summary: 'Show all counters',
  tags,
  request: { query: nothing },
  responses: { 200: json(statsView, 'Counters of the switch, its ports and workers.'), ...errors('BAD_REQUEST') },
});

const showDrops = createRoute({
  method: 'get',
  path: '/v1/drops',
  summary: 'Show why frames were dropped, with the last of them for each reason',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ drops: z.array(dropView).openapi({ description: 'Each reason that something was dropped for.' }) }),
      'The reasons that frames were dropped for.',
    ),
    ...errors('BAD_REQUEST'),
  },
});

const explain = createRoute({
  method: 'post',
  path: '/v1/explain',
  summary: 'Explain what the switch would do with a frame that arrived now',
  description: 'Nothing is sent, learned or counted.',
  tags,
  request: { query: nothing, body: jsonBody(explainRequest) },
  responses: {
    200: json(explainView, 'Every decision, and what would leave by which port.'),
    ...errors('BAD_REQUEST', 'PORT_NOT_FOUND', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
  },
});

export function statsRoutes(control: SwitchControl): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(showStats, (context) => context.json(control.stats(), 200));
  app.openapi(showDrops, (context) => context.json({ drops: control.drops() }, 200));
  app.openapi(explain, async (context) => context.json(await control.explain(context.req.valid('json')), 200));
  return app;
}
