/** /v1/containers: the places of commands in namespaces of their own. What runs there, `tswitch run` starts. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { TswitchError } from '../../control/errors.ts';
import type { ContainersControl, NetworksControl } from '../../networks/model.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { containerQuery, containerRequest, containerView, startedRequest, stopRequest } from '../schemas/container.ts';
import { errors, json, jsonBody } from './responses.ts';

const STOP_SECONDS_DEFAULT = 10;
const NAME_CHARACTERS_MAX = 64;

const tags = ['containers'];
const params = z.object({
  container: z
    .string()
    .max(NAME_CHARACTERS_MAX)
    .openapi({ description: 'Name of the container, or the beginning of an id that only one has.', example: 'web' }),
});
const nothing = strictObject({});
const BODY = ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;
/** What any change of what is kept may be refused with. */
const KEPT = ['STATE_FULL', 'STATE_FAILED'] as const;

const listContainers = createRoute({
  method: 'get',
  path: '/v1/containers',
  summary: 'List all containers that `tswitch run` made',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ containers: z.array(containerView).openapi({ description: 'In the order they were made.' }) }),
      'The containers.',
    ),
    ...errors('BAD_REQUEST', 'NOT_SUPPORTED'),
  },
});

const createContainer = createRoute({
  method: 'post',
  path: '/v1/containers',
  summary: 'Make the place for a command: a network namespace, in a network',
  description:
    'All of it, or nothing. The command is started by whoever asks, in the namespace (`ip netns exec`), and reported with POST /v1/containers/{container}/started.',
  tags,
  request: { query: nothing, body: jsonBody(containerRequest) },
  responses: {
    201: json(containerView, 'The container.'),
    ...errors(
      'BAD_REQUEST',
      'NOT_PERMITTED',
      'NETWORK_NOT_FOUND',
      'CONTAINER_NOT_FOUND',
      'CONTAINER_EXISTS',
      'ADDRESS_IN_USE',
      'PORT_EXISTS',
      'NETDEV_EXISTS',
      'NETDEV_NOT_FOUND',
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

const inspectContainer = createRoute({
  method: 'get',
  path: '/v1/containers/{container}',
  summary: 'Show one container',
  tags,
  request: { params, query: nothing },
  responses: {
    200: json(containerView, 'The container.'),
    ...errors('BAD_REQUEST', 'CONTAINER_NOT_FOUND', 'NOT_SUPPORTED'),
  },
});

const started = createRoute({
  method: 'post',
  path: '/v1/containers/{container}/started',
  summary: 'Say which process the container is',
  tags,
  request: { params, query: nothing, body: jsonBody(startedRequest) },
  responses: {
    200: json(containerView, 'The container.'),
    ...errors('BAD_REQUEST', 'CONTAINER_NOT_FOUND', 'CONTAINER_RUNNING', 'NOT_SUPPORTED', ...KEPT, ...BODY),
  },
});

const stop = createRoute({
  method: 'post',
  path: '/v1/containers/{container}/stop',
  summary: 'End the process of a container, and all that it left in its namespace',
  tags,
  request: { params, query: nothing, body: jsonBody(stopRequest) },
  responses: {
    200: json(containerView, 'The container.'),
    ...errors('BAD_REQUEST', 'CONTAINER_NOT_FOUND', 'NOT_SUPPORTED', ...BODY),
  },
});

const removeContainer = createRoute({
  method: 'delete',
  path: '/v1/containers/{container}',
  summary: 'Remove a container with its namespace and its place in networks',
  tags,
  request: { params, query: containerQuery },
  responses: {
    204: { description: 'Removed.' },
    ...errors('BAD_REQUEST', 'NOT_PERMITTED', 'CONTAINER_NOT_FOUND', 'CONTAINER_RUNNING', 'NOT_SUPPORTED', ...KEPT),
  },
});

/** @param networks null: this daemon has none */
export function containerRoutes(networks: NetworksControl | null): OpenAPIHono {
  const app = new OpenAPIHono();
  const there = (): ContainersControl => {
    if (networks) return networks.containers;
    throw new TswitchError('NOT_SUPPORTED', 'this daemon runs without networks');
  };
  app.openapi(listContainers, (context) => context.json({ containers: there().list() }, 200));
  app.openapi(createContainer, async (context) => {
    const { nics, ...rest } = defined(context.req.valid('json'));
    const container = await there().create({ ...rest, ...(nics ? { nics: nics.map(defined) } : {}) });
    return context.json(container, 201, { Location: `/v1/containers/${container.name}` });
  });
  app.openapi(inspectContainer, (context) => context.json(there().inspect(context.req.valid('param').container), 200));
  app.openapi(started, async (context) => {
    const { container } = context.req.valid('param');
    return context.json(await there().started(container, context.req.valid('json').pid), 200);
  });
  app.openapi(stop, async (context) => {
    const { seconds = STOP_SECONDS_DEFAULT } = context.req.valid('json');
    return context.json(await there().stop(context.req.valid('param').container, seconds), 200);
  });
  app.openapi(removeContainer, async (context) => {
    await there().remove(context.req.valid('param').container, context.req.valid('query').force === 'true');
    return context.body(null, 204);
  });
  return app;
}
