/** /v1/tokens: who may use the API over TCP. Answered on the Unix socket only (guard.ts). */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { TswitchError } from '../../control/errors.ts';
import { flag, moment, strictObject } from '../schemas/common.ts';
import { TOKEN_NAME, TOKENS_MAX } from '../tokens.ts';
import type { TokenStore } from '../tokens.ts';
import { errors, json, jsonBody } from './responses.ts';

const tags = ['tokens'];
const nothing = strictObject({});

const tokenName = z
  .string({ error: 'must be a token name' })
  .regex(TOKEN_NAME, 'must be a token name: 1 to 64 of A-Z a-z 0-9 . _ : -')
  .openapi({ description: 'Name of the token, unique: who or what uses it.', example: 'grafana' });

const tokenView = z
  .object({
    name: tokenName,
    readOnly: z.boolean().openapi({ description: 'Whether it may only read (GET).' }),
    logic: z.boolean().openapi({ description: 'Whether it may load and change logics: run code as the daemon.' }),
    created: moment.openapi({ description: 'When it was made.' }),
  })
  .openapi('Token');

const newToken = tokenView
  .extend({ token: z.string().openapi({ description: 'The token itself. It is shown this once, and kept nowhere.' }) })
  .openapi('NewToken');

const tokenRequest = strictObject({
  name: tokenName,
  readOnly: flag().default(false).openapi({ description: 'Whether it may only read (GET); false by default.' }),
  logic: flag().default(false).openapi({
    description: 'Whether it may load and change logics, which is running code as the daemon; false by default.',
  }),
}).openapi('TokenRequest');

const listTokens = createRoute({
  method: 'get',
  path: '/v1/tokens',
  summary: 'List the tokens that may use the API over TCP',
  description: 'On the Unix socket only. The tokens themselves are kept nowhere and not shown.',
  tags,
  request: { query: nothing },
  responses: {
    200: json(
      z.object({ tokens: z.array(tokenView).openapi({ description: `At most ${TOKENS_MAX}.` }) }),
      'The tokens, in the order they were made.',
    ),
    ...errors('BAD_REQUEST', 'NO_TOKEN_FILE', 'NOT_PERMITTED', 'SOCKET_ONLY'),
  },
});

const addToken = createRoute({
  method: 'post',
  path: '/v1/tokens',
  summary: 'Make a token',
  description: 'On the Unix socket only.',
  tags,
  request: { query: nothing, body: jsonBody(tokenRequest) },
  responses: {
    201: json(newToken, 'The token, shown this once.'),
    ...errors(
      'BAD_REQUEST',
      'NO_TOKEN_FILE',
      'NOT_PERMITTED',
      'SOCKET_ONLY',
      'TOKEN_EXISTS',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'LIMIT_REACHED',
    ),
  },
});

const removeToken = createRoute({
  method: 'delete',
  path: '/v1/tokens/{name}',
  summary: 'Remove a token',
  description: 'On the Unix socket only. From then on it is refused; answers that are under way go on.',
  tags,
  request: { params: z.object({ name: tokenName }), query: nothing },
  responses: {
    204: { description: 'Removed.' },
    ...errors('BAD_REQUEST', 'NO_TOKEN_FILE', 'NOT_PERMITTED', 'SOCKET_ONLY', 'TOKEN_NOT_FOUND'),
  },
});

/** @param store null: the daemon was started without a token file */
export function tokenRoutes(store: TokenStore | null): OpenAPIHono {
  const app = new OpenAPIHono();
  const tokens = (): TokenStore => {
    if (store) return store;
    throw new TswitchError(
      'NO_TOKEN_FILE',
      'this daemon has no tokens: start it with `tswitch serve --token-file FILE`',
    );
  };
  app.openapi(listTokens, (context) => context.json({ tokens: tokens().list() }, 200));
  app.openapi(addToken, (context) => {
    const { name, ...rights } = context.req.valid('json');
    return context.json(tokens().add(name, rights), 201, { Location: `/v1/tokens/${name}` });
  });
  app.openapi(removeToken, (context) => {
    tokens().remove(context.req.valid('param').name);
    return context.body(null, 204);
  });
  return app;
}
