/** Containers of `tswitch run` as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { flag, integer, list, moment, optional, strictObject, text } from './common.ts';
import { connectRequest, endpointView, networkName } from './network.ts';
import { rateLimitFields } from './rate-limits.ts';
import { containerNic, nicName } from './nic.ts';

const WORDS_MAX = 4096;
const WORD_CHARACTERS_MAX = 131_072;
const PID_MAX = 4_194_304;
const NICS_MAX = 16;
/** Longest that a stop waits: less than a client waits for its answer. */
const STOP_SECONDS_MAX = 60;

const { name, addresses, mac, aliases, links, publish } = connectRequest.shape;

const hostname = name.unwrap().openapi({ description: 'Its host name; by default its name.', example: 'web' });
const containerName = name.unwrap().openapi({ description: 'Name of the container, unique.', example: 'web' });
const command = list(text('a text', WORD_CHARACTERS_MAX), WORDS_MAX).openapi({
  description: 'The program and its arguments, for people to see: the daemon executes nothing.',
  example: ['sleep', '60'],
});
const network = networkName.openapi({
  description: 'A network, `host` or `none`; `bridge` by default.',
  example: 'web',
});
const autoRemove = flag().openapi({ description: 'It is removed when its process has ended. False by default.' });

export const containerRequest = strictObject({
  name: containerName.optional(),
  hostname: hostname.optional(),
  command,
  network: network.optional(),
  addresses,
  mac,
  aliases,
  links,
  publish,
  ...optional(rateLimitFields),
  nics: list(containerNic, NICS_MAX).optional().openapi({
    description: 'NICs of the host that it has for itself until it ends.',
  }),
  autoRemove: autoRemove.optional(),
}).openapi('ContainerRequest');

export const startedRequest = strictObject({
  pid: integer(1, PID_MAX).openapi({
    description: 'Of the process, which has TSWITCH_CONTAINER=ID in its environment.',
    example: 4711,
  }),
}).openapi('StartedRequest');

export const stopRequest = strictObject({
  seconds: integer(0, STOP_SECONDS_MAX)
    .optional()
    .openapi({
      description: `How long the process may take to end by itself, 0 to ${STOP_SECONDS_MAX} seconds; 10 by default.`,
    }),
}).openapi('StopRequest');

export const containerQuery = strictObject({
  force: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('false')
    .openapi({ description: '`true`: also one that runs, which is killed.' }),
});

export const containerView = z
  .object({
    id: z.string().openapi({ description: '64 hex digits.', example: '3f0d9a' }),
    name: containerName,
    created: moment,
    hostname,
    command,
    network,
    netns: z.string().nullable().openapi({
      description: 'Its network namespace, a name under /run/netns; null on network `host`.',
      example: 'web',
    }),
    autoRemove,
    state: z.enum(['created', 'running', 'exited']).openapi({
      description: '`created`: its process has not been started. `running`. `exited`: it has ended.',
    }),
    pid: z.int().min(1).nullable().openapi({ description: 'Of the process; null unless it runs.', example: 4711 }),
    nics: z.array(nicName).openapi({ description: 'NICs of the host that it has for itself.', example: ['eth1'] }),
    endpoints: z
      .array(endpointView.extend({ network: networkName }).openapi('ContainerEndpoint'))
      .openapi({ description: 'Its places in networks.' }),
  })
  .openapi('Container');
