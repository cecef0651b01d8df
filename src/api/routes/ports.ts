/** /v1/ports: list, add, show, change and remove ports. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { SwitchControl } from '../../control/model.ts';
import { defined, portName, strictObject } from '../schemas/common.ts';
import { portPatch, portRequest, portView } from '../schemas/port.ts';
import { CHANGE_ERRORS, errors, json, jsonBody } from './responses.ts';

const tags = ['ports'];
const params = z.object({ name: portName });
const nothing = strictObject({});

const listPorts = createRoute({
  method: 'get',
  path: '/v1/ports',
  summary: 'List all ports',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ ports: z.array(portView).openapi({ description: 'In the order they were added.' }) }),
      'The ports, each with its settings, state and counters.',
    ),
    ...errors('BAD_REQUEST'),
  },
});

const addPort = createRoute({
  method: 'post',
  path: '/v1/ports',
  summary: 'Add a port',
  tags,
  request: { query: nothing, body: jsonBody(portRequest) },
  responses: {
    201: json(portView, 'The port that was added.'),
    ...errors(
      ...CHANGE_ERRORS,
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'PORT_NOT_FOUND',
      'NETNS_NOT_FOUND',
      'NETDEV_NOT_FOUND',
      'PORT_EXISTS',
      'NETDEV_EXISTS',
      'NETDEV_BUSY',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'ADDRESS_REFUSED',
      'NOT_SUPPORTED',
      'LIMIT_REACHED',
    ),
  },
});

const showPort = createRoute({
  method: 'get',
  path: '/v1/ports/{name}',
  summary: 'Show one port',
  tags,
  request: { params, query: nothing },
  responses: { 200: json(portView, 'The port.'), ...errors('BAD_REQUEST', 'PORT_NOT_FOUND') },
});

const changePort = createRoute({
  method: 'patch',
  path: '/v1/ports/{name}',
  summary: 'Change settings of a working port',
  description: 'Fields that are left out stay. A change of mode drops what the new mode has no use for.',
  tags,
  request: { params, query: nothing, body: jsonBody(portPatch) },
  responses: {
    200: json(portView, 'The port as it is now.'),
    ...errors(
      ...CHANGE_ERRORS,
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'PORT_NOT_FOUND',
      'NETDEV_NOT_FOUND',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'NOT_SUPPORTED',
      'LIMIT_REACHED',
    ),
  },
});

const removePort = createRoute({
  method: 'delete',
  path: '/v1/ports/{name}',
  summary: 'Remove a port',
  description: 'Removes the interfaces that tswitch made for it; never a netdev or namespace that it did not make.',
  tags,
  request: { params, query: nothing },
  responses: {
    204: { description: 'Removed.' },
    ...errors(...CHANGE_ERRORS, 'BAD_REQUEST', 'NOT_PERMITTED', 'PORT_NOT_FOUND'),
  },
});

export function portRoutes(control: SwitchControl): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(listPorts, (context) => context.json({ ports: control.ports() }, 200));
  app.openapi(addPort, async (context) => {
    const port = await control.addPort(defined(context.req.valid('json')));
    return context.json(port, 201, { Location: `/v1/ports/${port.name}` });
  });
  app.openapi(showPort, (context) => context.json(control.port(context.req.valid('param').name), 200));
  app.openapi(changePort, async (context) => {
    const { name } = context.req.valid('param');
    return context.json(await control.patchPort(name, defined(context.req.valid('json'))), 200);
  });
  app.openapi(removePort, async (context) => {
    await control.removePort(context.req.valid('param').name);
    return context.body(null, 204);
  });
  return app;
}
