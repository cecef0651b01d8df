/** /healthz and /metrics: for what watches the daemon. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import type { LoopDelay } from '../loop-delay.ts';
import { METRICS_TYPE, renderMetrics } from '../metrics.ts';
import { strictObject } from '../schemas/common.ts';
import { errors, json } from './responses.ts';

const tags = ['health'];
const nothing = strictObject({});

const health = z
  .object({
    status: z.enum(['ok', 'degraded']).openapi({ description: '`degraded`: something needs attention.' }),
    reasons: z.array(z.string()).openapi({ description: 'A sentence for each thing that does; empty if none does.' }),
  })
  .openapi('Health');

const showHealth = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Say whether the daemon is well',
  description: 'A port that is down or lost is what its other side makes of it, and no fault of the daemon.',
  tags,
  request: { query: nothing },
  responses: {
    200: json(health, 'It is.'),
    503: json(health, 'It answers, but something is wrong.'),
    ...errors('BAD_REQUEST'),
  },
});

const showMetrics = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Show all counters in the text format of Prometheus',
  tags,
  request: { query: nothing },
  responses: {
    200: {
      description: 'Text format 0.0.4.',
      content: { 'text/plain': { schema: z.string().openapi({ example: 'tswitch_fdb_entries 3\n' }) } },
    },
    ...errors('BAD_REQUEST'),
  },
});

export function healthRoutes(control: SwitchControl, loopDelay: LoopDelay): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(showHealth, (context) => {
    const reasons = control.problems();
    if (reasons.length > 0) return context.json({ status: 'degraded' as const, reasons }, 503);
    return context.json({ status: 'ok' as const, reasons }, 200);
  });
  app.openapi(showMetrics, (context) =>
    context.text(renderMetrics(control, loopDelay), 200, { 'Content-Type': METRICS_TYPE }),
  );
  return app;
}
