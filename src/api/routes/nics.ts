/** /v1/nics: NICs of the host into namespaces, whole, and back. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { TswitchError } from '../../control/errors.ts';
import type { NetworksControl, NicsControl } from '../../networks/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { nicName, nicRequest, nicView } from '../schemas/nic.ts';
import { errors, json, jsonBody } from './responses.ts';

const tags = ['nics'];
const params = z.object({ nic: nicName });
const nothing = strictObject({});

const listNics = createRoute({
  method: 'get',
  path: '/v1/nics',
  summary: 'List the NICs that namespaces have for themselves',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ nics: z.array(nicView).openapi({ description: 'In the order they were given.' }) }),
      'The NICs.',
    ),
    ...errors('BAD_REQUEST', 'NOT_SUPPORTED'),
  },
});

const connect = createRoute({
  method: 'post',
  path: '/v1/nics/{nic}/connect',
  summary: 'Give a NIC of the host whole to a container (a network namespace)',
  description:
    "It is moved there, and is no longer the host's. It comes back with its name, its state and its addresses when it is disconnected, or, if it is hardware, when the namespace ends. A NIC that a port, a bridge or another netdev uses is refused.",
  tags,
  request: { params, query: nothing, body: jsonBody(nicRequest) },
  responses: {
    200: json(nicView, 'The NIC in its namespace.'),
    ...errors(
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'NETNS_NOT_FOUND',
      'NETDEV_NOT_FOUND',
      'NETDEV_BUSY',
      'NETDEV_EXISTS',
      'ADDRESS_REFUSED',
      'NOT_SUPPORTED',
      'STATE_FULL',
      'STATE_FAILED',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
    ),
  },
});

const disconnect = createRoute({
  method: 'post',
  path: '/v1/nics/{nic}/disconnect',
  summary: 'Bring a NIC back to the host',
  description: 'With its name, its state and its addresses. One that is lost is forgotten.',
  tags,
  request: { params, query: nothing },
  responses: {
    204: { description: 'It is in the host.' },
    ...errors(
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'NETDEV_NOT_FOUND',
      'NETDEV_EXISTS',
      'NOT_SUPPORTED',
      'STATE_FULL',
      'STATE_FAILED',
    ),
  },
});

/** @param networks null: this daemon has none, nor moves NICs */
export function nicRoutes(networks: NetworksControl | null): OpenAPIHono {
  const app = new OpenAPIHono();
  const there = (): NicsControl => {
    if (networks) return networks.nics;
    throw new TswitchError('NOT_SUPPORTED', 'this daemon runs without networks');
  };
  app.openapi(listNics, async (context) => context.json({ nics: await there().list() }, 200));
  app.openapi(connect, async (context) => {
    const request = defined(context.req.valid('json'));
    return context.json(await there().connect(context.req.valid('param').nic, request), 200);
  });
  app.openapi(disconnect, async (context) => {
    await there().disconnect(context.req.valid('param').nic);
    return context.body(null, 204);
  });
  return app;
}
