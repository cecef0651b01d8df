/** /v1/networks: networks, and containers into them and out again. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { TswitchError } from '../../control/errors.ts';
import type { NetworksControl } from '../../networks/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import {
  connectRequest,
  disconnectRequest,
  endpointView,
  networkName,
  networkRequest,
  networkView,
} from '../schemas/network.ts';
import { errors, json, jsonBody } from './responses.ts';

const tags = ['networks'];
const params = z.object({
  network: networkName.openapi({ description: 'Name of the network, or the beginning of an id that only one has.' }),
});
const nothing = strictObject({});
const BODY = ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;
/** What any change may be refused with. */
const KEPT = ['STATE_FULL', 'STATE_FAILED'] as const;

const listNetworks = createRoute({
  method: 'get',
  path: '/v1/networks',
  summary: 'List all networks',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ networks: z.array(networkView).openapi({ description: 'In the order they were made.' }) }),
      'The networks, each with its members.',
    ),
    ...errors('BAD_REQUEST', 'NOT_SUPPORTED'),
  },
});

const createNetwork = createRoute({
  method: 'post',
  path: '/v1/networks',
  summary: 'Create a network',
  tags,
  request: { query: nothing, body: jsonBody(networkRequest) },
  responses: {
    201: json(networkView, 'The network.'),
    ...errors(
      'BAD_REQUEST',
      'NETWORK_EXISTS',
      'SUBNET_OVERLAPS',
      'VLAN_IN_USE',
      'POOL_EXHAUSTED',
      'LIMIT_REACHED',
      'NOT_SUPPORTED',
      ...KEPT,
      ...BODY,
    ),
  },
});

const pruneQuery = strictObject({
  pools: z.enum(['true', 'false'], { error: 'must be true or false' }).default('false').openapi({
    description:
      '`true`: also give back the pools of addresses that Docker asked for and no network of Docker with driver `tswitch` has: Docker leaves one when it ends while it creates a network. One that Docker uses with another driver (`--ipam-driver tswitch`) goes too, and that network has to be created again.',
  }),
});

const pruneNetworks = createRoute({
  method: 'post',
  path: '/v1/networks/prune',
  summary: 'Remove all networks without members',
  description: 'But not `bridge`, `host` and `none`, which exist always, nor those of Docker.',
  tags,
  request: { query: pruneQuery },
  responses: {
    200: json(
      z.object({
        removed: z.array(networkName).openapi({ description: 'Their names.' }),
        pools: z.array(z.string()).openapi({ description: 'Subnets of the pools that were given back.' }),
      }),
      'What was removed.',
    ),
    ...errors('BAD_REQUEST', 'NOT_SUPPORTED', ...KEPT),
  },
});

const inspectNetwork = createRoute({
  method: 'get',
  path: '/v1/networks/{network}',
  summary: 'Show one network with its members',
  tags,
  request: { params, query: nothing },
  responses: {
    200: json(networkView, 'The network.'),
    ...errors('BAD_REQUEST', 'NETWORK_NOT_FOUND', 'NOT_SUPPORTED'),
  },
});

const removeNetwork = createRoute({
  method: 'delete',
  path: '/v1/networks/{network}',
  summary: 'Remove a network that has no members',
  tags,
  request: { params, query: nothing },
  responses: {
    204: { description: 'Removed.' },
    ...errors('BAD_REQUEST', 'NETWORK_NOT_FOUND', 'NETWORK_IN_USE', 'NOT_SUPPORTED', ...KEPT),
  },
});

const connect = createRoute({
  method: 'post',
  path: '/v1/networks/{network}/connect',
  summary: 'Connect a container (a network namespace) to a network',
  description:
    'Makes an interface in the namespace, with addresses of the network and, unless it is internal or the namespace has one, the default route. All of it, or nothing. The first member brings the gateway up.',
  tags,
  request: { params, query: nothing, body: jsonBody(connectRequest) },
  responses: {
    200: json(endpointView, "The container's place in the network."),
    ...errors(
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'NETWORK_NOT_FOUND',
      'NETNS_NOT_FOUND',
      'CONTAINER_NOT_FOUND',
      'NETDEV_NOT_FOUND',
      'CONTAINER_EXISTS',
      'ADDRESS_IN_USE',
      'PORT_EXISTS',
      'NETDEV_EXISTS',
      'NETDEV_BUSY',
      'ADDRESS_REFUSED',
      'NOT_SUPPORTED',
      'POOL_EXHAUSTED',
      'LIMIT_REACHED',
      ...KEPT,
      ...BODY,
    ),
  },
});

const disconnect = createRoute({
  method: 'post',
  path: '/v1/networks/{network}/disconnect',
  summary: 'Disconnect a container from a network',
  description: 'Its addresses are not given to others as long as there are some that nobody had lately.',
  tags,
  request: { params, query: nothing, body: jsonBody(disconnectRequest) },
  responses: {
    204: { description: 'Disconnected.' },
    ...errors(
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'NETWORK_NOT_FOUND',
      'CONTAINER_NOT_FOUND',
      'NOT_SUPPORTED',
      ...KEPT,
      ...BODY,
    ),
  },
});

/** @param networks null: this daemon has none */
export function networkRoutes(networks: NetworksControl | null): OpenAPIHono {
  const app = new OpenAPIHono();
  const there = (): NetworksControl => {
    if (networks) return networks;
    throw new TswitchError('NOT_SUPPORTED', 'this daemon runs without networks');
  };
  app.openapi(listNetworks, (context) => context.json({ networks: there().list() }, 200));
  app.openapi(createNetwork, async (context) => {
    const { subnets, ...rest } = defined(context.req.valid('json'));
    const network = await there().create({ ...rest, ...(subnets ? { subnets: subnets.map(defined) } : {}) });
    return context.json(network, 201, { Location: `/v1/networks/${network.name}` });
  });
  app.openapi(pruneNetworks, async (context) => {
    return context.json(await there().prune({ pools: context.req.valid('query').pools === 'true' }), 200);
  });
  app.openapi(inspectNetwork, (context) => context.json(there().inspect(context.req.valid('param').network), 200));
  app.openapi(removeNetwork, async (context) => {
    await there().remove(context.req.valid('param').network);
    return context.body(null, 204);
  });
  app.openapi(connect, async (context) => {
    const request = defined(context.req.valid('json'));
    return context.json(await there().connect(context.req.valid('param').network, request), 200);
  });
  app.openapi(disconnect, async (context) => {
    await there().disconnect(context.req.valid('param').network, context.req.valid('json').container);
    return context.body(null, 204);
  });
  return app;
}
