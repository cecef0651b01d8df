/** /v1/config: the wished state as one document, shown, applied as a whole, and confirmed. */
import { isDeepStrictEqual } from 'node:util';
import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { TswitchError } from '../../control/errors.ts';
import type { SwitchControl } from '../../control/model.ts';
import { refusalOf } from '../../control/wish/problem.ts';
import { digestOf, type LogicWish, type Wish, type WishedLogic, type WishRequest } from '../../control/wish/wish.ts';
import type { WholeResult } from '../../networks/config/whole-config.ts';
import type { NetworksControl, WholeConfigControl } from '../../networks/model.ts';
import { shapeProblem, soundParts, wishOf } from '../config-document.ts';
import { defined, strictObject } from '../schemas/common.ts';
import { applied, config, configQuery, ifMatchHeader } from '../schemas/config.ts';
import { badRequest } from '../errors.ts';
import { type Admission, assertMayLoadLogics } from '../guard.ts';
import { errors, json, jsonBody } from './responses.ts';

export const CONFIG_PATH = '/v1/config';
const tags = ['config'];
const nothing = strictObject({});

const showConfig = createRoute({
  method: 'get',
  path: CONFIG_PATH,
  summary: 'Show the whole configuration as one document',
  description:
    'Everything that was asked for, with all defaults: PUT of it into an empty switch makes the same. The `ETag` names this document.',
  tags,
  request: { query: nothing },
  responses: { 200: json(config, 'The document.'), ...errors('BAD_REQUEST') },
});

const putConfig = createRoute({
  method: 'put',
  path: CONFIG_PATH,
  summary: 'Bring the switch to a document, as a whole or not at all',
  description:
    'Every problem of the document is found before anything is touched; `details` lists them, each with a JSON pointer (`path`). If an action fails half-way, what was done is undone. Answers with the `ETag` of the document that is in force.',
  tags,
  request: { query: configQuery, headers: ifMatchHeader, body: jsonBody(config) },
  responses: {
    200: json(applied, 'What was done, or with `dryRun` would be done.'),
    ...errors(
      'BAD_REQUEST',
      'CONFIG_FAILED',
      'NOT_SUPPORTED',
      'CONFIRMATION_PENDING',
      'CONFIG_CHANGED',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'CONFIG_REFUSED',
      'LOGIC_NOT_PERMITTED',
      'STATE_FULL',
      'STATE_FAILED',
    ),
  },
});

const confirmConfig = createRoute({
  method: 'post',
  path: `${CONFIG_PATH}/confirm`,
  summary: 'Keep the configuration that waits for its confirmation',
  tags,
  request: { query: nothing, headers: ifMatchHeader },
  responses: {
    204: { description: 'It is kept.' },
    ...errors('BAD_REQUEST', 'NOTHING_TO_CONFIRM', 'CONFIG_CHANGED', 'STATE_FULL', 'STATE_FAILED'),
  },
});

/** @param networks null: this daemon has none */
export function configRoutes(control: SwitchControl, networks: NetworksControl | null): OpenAPIHono {
  const app = new OpenAPIHono();
  const whole = networks?.config ?? withoutNetworks(control);
  app.openapi(showConfig, (context) => {
    const { wish, digest } = whole.view();
    return context.json(wish, 200, { ETag: etagOf(digest) });
  });
  app.openapi(
    putConfig,
    async (context) => {
      const { dryRun, confirmWithin } = context.req.valid('query');
      const wanted = wishOf(context.req.valid('json'));
      // Also to see whether they could be loaded their code runs.
      if (!hasLogics(wanted, control.config().wish)) assertMayLoadLogics(context.env as Admission);
      const result = await whole.apply(wanted, {
        dryRun: dryRun === 'true',
        ...defined({ confirmWithin, ifMatch: digestsIn(context.req.valid('header')['if-match']) }),
      });
      const { digest, actions, ...rest } = result;
      return context.json({ ...rest, actions: actions.map(actionView) }, 200, { ETag: etagOf(digest) });
    },
    (result, context) => {
      if (result.success) return undefined;
      if (result.target !== 'json') throw badRequest(result.error.issues);
      return refuse(control, context, result.error.issues);
    },
  );
  app.openapi(confirmConfig, async (context) => {
    await control.confirmConfig(defined({ ifMatch: digestsIn(context.req.valid('header')['if-match']) }));
    return context.body(null, 204);
  });
  return app;
}

/** Whether the document leaves the logics as they are. */
function hasLogics({ logics: wanted }: WishRequest, { logics = [] }: Wish): boolean {
  if (wanted === undefined) return true;
  const isAlike = (a: LogicWish, b: WishedLogic): boolean =>
    isDeepStrictEqual({ params: {}, ports: [], vlans: [], shadow: false, ...a }, b);
  return wanted.length === logics.length && wanted.every((logic, index) => isAlike(logic, logics[index]!));
}

function withoutNetworks(control: SwitchControl): WholeConfigControl {
  return {
    view() {
      const wish = { ...control.config().wish, networks: [] };
      return { wish, digest: digestOf(control.config().wish) };
    },
    apply({ networks = [], ...request }, options) {
      if (networks.length > 0) throw new TswitchError('NOT_SUPPORTED', 'this daemon runs without networks');
      return control.applyConfig(request, options);
    },
  };
}

function actionView(action: WholeResult['actions'][number]) {
  const { do: what, text, cutsOff } = action;
  const port = 'entry' in action ? action.entry.port : 'port' in action ? action.port : null;
  return { do: what, port, text, cutsOff };
}

/** A digest is of exactly one document, so the tag is a strong one (RFC 9110, 8.8.1). */
function etagOf(digest: string): string {
  return `"${digest}"`;
}

/** What If-Match names (RFC 9110, 13.1.1); undefined: whatever there is. A weak tag is none that we gave. */
function digestsIn(header: string | undefined): string[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return header.split(',').flatMap((tag) => /^\s*"([^"]*)"\s*$/.exec(tag)?.[1] ?? []);
}

/** With all that is wrong, also in the parts whose shape is right. */
async function refuse(control: SwitchControl, context: Context, issues: readonly z.core.$ZodIssue[]): Promise<never> {
  // The validator takes a body that is empty, which is no JSON, for `{}`.
  const body: unknown = (await context.req.text()) === '' ? {} : await context.req.json();
  throw refusalOf([...issues.map(shapeProblem), ...(await control.configProblems(soundParts(body)))]);
}
