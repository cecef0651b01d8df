/** /v1/vlans, /v1/switch and /v1/doctor: the switch as a whole. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { doctorRequest, doctorView } from '../schemas/doctor.ts';
import { switchPatch, switchView, vlanView } from '../schemas/switch.ts';
import { CHANGE_ERRORS, errors, json, jsonBody } from './responses.ts';

const nothing = strictObject({});

const listVlans = createRoute({
  method: 'get',
  path: '/v1/vlans',
  summary: 'List the VLANs that ports name, with their member ports',
  tags: ['vlans'],
  request: { query: nothing },
  responses: {
    200: json(z.object({ vlans: z.array(vlanView).openapi({ description: 'By VID.' }) }), 'The VLANs, ascending.'),
    ...errors('BAD_REQUEST'),
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
    ...errors(...CHANGE_ERRORS, 'BAD_REQUEST', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
  },
});

const examine = createRoute({
  method: 'post',
  path: '/v1/doctor',
  summary: 'Examine the host and the ports: what works, what is slow, what is broken',
  description:
    'Sends some twenty frames through each port whose far end tswitch made, between addresses of its own. For that time there is a port `tswitch-doctor` beside the others, with a namespace of its own.',
  tags: ['switch'],
  request: { query: nothing, body: jsonBody(doctorRequest) },
  responses: {
    200: json(doctorView, 'What was found.'),
    ...errors('BAD_REQUEST', 'PORT_NOT_FOUND', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
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
  app.openapi(examine, async (context) => {
    return context.json({ findings: await control.examine(context.req.valid('json').port) }, 200);
  });
  return app;
}
