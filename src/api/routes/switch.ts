/** /v1/vlans and /v1/switch: the switch as a whole. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { switchPatch, switchView, vlanView } from '../schemas/switch.ts';
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

export function switchRoutes(control: SwitchControl): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listVlans, (context) => context.json({ vlans: control.vlans() }, 200));
  app.openapi(showSwitch, (context) => context.json(control.settings(), 200));
  app.openapi(changeSwitch, async (context) => {
    const { reservedAddresses, ...patch } = defined(context.req.valid('json'));
    const reserved = reservedAddresses && { reservedAddresses: defined(reservedAddresses) };
    return context.json(await control.patchSettings({ ...patch, ...reserved }), 200);
  });
  return app;
}
