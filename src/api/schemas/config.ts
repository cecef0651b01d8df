/** The wished state as HTTP shows and takes it: one document. */
import { FDB_LIMIT_MAX, LOGICS_MAX, NETWORKS_MAX, PORTS_MAX } from '../../limits.ts';
import { z } from '@hono/zod-openapi';
import { integerText, list, moment, portName, strictObject } from './common.ts';
import { fdbRequest } from './fdb.ts';
import { logicWish } from './logic.ts';
import { networkRequest } from './network.ts';
import { portRequest } from './port.ts';
import { switchPatch } from './switch.ts';

export const config = strictObject({
  switch: switchPatch.optional().openapi({
    description: "The switch's settings. A setting that is left out has its default.",
  }),
  ports: list(portRequest, PORTS_MAX).openapi({
    description: `All ports, ${PORTS_MAX} at most; a port that is not among them is removed. A field that is left out has its default; only a MAC address that tswitch chose stays as long as the port does.`,
  }),
  fdb: list(fdbRequest, FDB_LIMIT_MAX).optional().openapi({
    description: 'All static and sticky entries of the FDB; one that is not among them is removed. Left out: none.',
  }),
  logics: list(logicWish, LOGICS_MAX).optional().openapi({
    description:
      'All logics, in the order they are asked; one that is not among them is unloaded. Left out: they stay as they are. Over TCP, others than there are take a token that may load logics.',
  }),
  networks: list(networkRequest, NETWORKS_MAX).optional().openapi({
    description:
      'All networks but `bridge`, `host` and `none`; one that is not among them is removed. Members are no part of it: a network that has some is neither removed nor made anew. A VLAN or subnets that were chosen stay where they are left out. Left out: all networks stay as they are.',
  }),
}).openapi('Config');

/** Longest time to confirm: a day. */
export const CONFIRM_SECONDS_MAX = 86_400;

export const configQuery = strictObject({
  dryRun: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('false')
    .openapi({ description: '`true`: only tell what would be done.' }),
  confirmWithin: integerText(1, CONFIRM_SECONDS_MAX)
    .optional()
    .openapi({
      description: `Seconds, 1 to ${CONFIRM_SECONDS_MAX}, after which the document is taken back unless POST /v1/config/confirm came. Until then no other change is taken (CONFIRMATION_PENDING).`,
    }),
});

export const ifMatchHeader = z.object({
  'if-match': z.string().optional().openapi({
    description: 'ETag of the document that was read; if it is another one by now, nothing is done (CONFIG_CHANGED).',
    example: '"3f0d9a…"',
  }),
});

const ACTIONS = [
  'remove-entry',
  'remove-port',
  'set-switch',
  'change-port',
  'add-port',
  'give-entry',
  'set-logics',
  'remove-network',
  'change-network',
  'add-network',
] as const;

const action = z
  .object({
    do: z.enum(ACTIONS).openapi({
      description: 'The kind of action.',
    }),
    port: portName.nullable().openapi({
      description: 'The port concerned; null for the settings of the switch, logics and networks.',
    }),
    text: z.string().openapi({ description: 'What it does, in words.' }),
    cutsOff: z.string().nullable().openapi({ description: 'Who or what is cut off by it, in words; null: nobody.' }),
  })
  .openapi('Action');

export const applied = z
  .object({
    dryRun: z.boolean().openapi({ description: 'True: nothing was done.' }),
    actions: z.array(action).openapi({ description: 'What was or would be done, in this order; empty: nothing.' }),
    confirmUntil: moment.nullable().openapi({
      description: 'When it is taken back unless it is confirmed; null: it is not taken back.',
    }),
  })
  .openapi('Applied');
