/** VLANs and the switch's own settings as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { TAP_IOS } from '../../control/model.ts';
import {
  AGEING_SECONDS_DEFAULT,
  AGEING_SECONDS_MAX,
  AGEING_SECONDS_MIN,
  BUSY_POLL_MICROS_DEFAULT,
  BUSY_POLL_MICROS_MAX,
  FDB_LIMIT_DEFAULT,
  FDB_LIMIT_MAX,
  LOOP_HOLD_SECONDS_DEFAULT,
  LOOP_HOLD_SECONDS_MAX,
  MAC_MOVE_HOLD_SECONDS_DEFAULT,
  MAC_MOVE_HOLD_SECONDS_MAX,
  MAC_MOVE_LIMIT_DEFAULT,
  MAC_MOVE_LIMIT_MAX,
} from '../../limits.ts';
import { count, flag, integer, limit, list, optional, portName, strictObject, vid } from './common.ts';

export const vlanView = z
  .object({
    vlan: vid,
    ports: z
      .array(
        z.object({
          name: portName,
          tagged: z.boolean().openapi({ description: 'Whether the VLAN leaves this port tagged.' }),
        }),
      )
      .openapi({ description: 'The ports that carry the VLAN.' }),
  })
  .openapi('Vlan');

const settingsFields = {
  ageingSeconds: integer(AGEING_SECONDS_MIN, AGEING_SECONDS_MAX).openapi({
    description: `Seconds without a frame after which a learned address is forgotten, ${AGEING_SECONDS_MIN} to ${AGEING_SECONDS_MAX}; ${AGEING_SECONDS_DEFAULT} by default (IEEE 802.1Q-2022, table 8-6).`,
    example: AGEING_SECONDS_DEFAULT,
  }),
  fdbLimit: integer(1, FDB_LIMIT_MAX).openapi({
    description: `Entries that the FDB holds at most, 1 to ${FDB_LIMIT_MAX}; a full one still learns every new source and gives up an old entry for it.`,
    example: FDB_LIMIT_DEFAULT,
  }),
  macMoveLimit: limit(MAC_MOVE_LIMIT_MAX).openapi({
    description: `Moves of one address between ports within a second after which it is held on the port where it was, 1 to ${MAC_MOVE_LIMIT_MAX}; ${MAC_MOVE_LIMIT_DEFAULT} by default, null: no limit.`,
    example: MAC_MOVE_LIMIT_DEFAULT,
  }),
  macMoveHoldSeconds: integer(1, MAC_MOVE_HOLD_SECONDS_MAX).openapi({
    description: `Seconds for which such an address is held, 1 to ${MAC_MOVE_HOLD_SECONDS_MAX}; ${MAC_MOVE_HOLD_SECONDS_DEFAULT} by default.`,
    example: MAC_MOVE_HOLD_SECONDS_DEFAULT,
  }),
  loopProtection: flag().openapi({
    description:
      'Whether signs of a loop make the switch send probes, and block a port while they return by it; true by default.',
  }),
  loopHoldSeconds: integer(1, LOOP_HOLD_SECONDS_MAX).openapi({
    description: `Seconds for which such a port stays blocked at most, 1 to ${LOOP_HOLD_SECONDS_MAX}; ${LOOP_HOLD_SECONDS_DEFAULT} by default.`,
    example: LOOP_HOLD_SECONDS_DEFAULT,
  }),
  busyPollMicros: integer(0, BUSY_POLL_MICROS_MAX).openapi({
    description: `Microseconds for which a worker looks for the next frame before it sleeps, at most, 0 to ${BUSY_POLL_MICROS_MAX}; ${BUSY_POLL_MICROS_DEFAULT} by default. More shortens the way of frames that come seldom, and costs CPU time while they do; a worker without traffic sleeps in any case.`,
    example: BUSY_POLL_MICROS_DEFAULT,
  }),
};

const RESERVED_GROUP_TEXT =
  'What is done with the group addresses that bridges reserve or may filter, 01:80:c2:00:00:00 to 2f (IEEE 802.1Q-2022, 8.6.3).';

const reservedFields = {
  forward: reservedAddresses(
    '01:80:c2:00:00:00',
    '01:80:c2:00:00:0f',
    /^01:80:c2:00:00:0[0-9a-f]$/,
    'that are forwarded like any group address; the others of this range are dropped (RESERVED_ADDRESS). None by default.',
  ).openapi({ example: ['01:80:c2:00:00:0e'] }),
  drop: reservedAddresses(
    '01:80:c2:00:00:10',
    '01:80:c2:00:00:2f',
    /^01:80:c2:00:00:[12][0-9a-f]$/,
    'that are dropped (RESERVED_ADDRESS); the others of this range are forwarded. None by default.',
  ).openapi({ example: ['01:80:c2:00:00:21'] }),
};

/** A list of some addresses from `first` to `last`, each once and ascending in the end. */
function reservedAddresses(first: string, last: string, pattern: RegExp, meaning: string) {
  const address = z
    .string({ error: 'must be a MAC address' })
    .toLowerCase()
    .regex(pattern, `must be an address from ${first} to ${last}`);
  const range = parseInt(last.slice(-2), 16) - parseInt(first.slice(-2), 16) + 1;
  return list(address, range)
    .transform((addresses) => [...new Set(addresses)].sort())
    .openapi({ type: 'array', items: { type: 'string' }, description: `Addresses ${first} to ${last} ${meaning}` });
}

export const switchView = z
  .object({
    ...settingsFields,
    reservedAddresses: z.object(reservedFields).openapi({ description: RESERVED_GROUP_TEXT }),
    workers: count('Worker threads that forward frames.'),
    ffi: z.enum(['koffi', 'ffi-rs']).openapi({ description: 'The library through which the kernel is called.' }),
    tapIo: z.enum(TAP_IOS).openapi({
      description: 'How `tap` ports are read and written: a batch of frames per system call, or one frame.',
    }),
    version: z.string().openapi({ description: 'Version of the daemon.' }),
    state: z
      .object({
        file: z.string().nullable().openapi({
          description: 'Where the configuration is kept beyond the end of the daemon; null: it is not (`--ephemeral`).',
          example: '/var/lib/tswitch/state.db',
        }),
        generation: count('Acknowledged changes of the configuration, over all lives of the daemon.'),
        problems: z.array(z.string()).openapi({
          description:
            'A sentence for each thing that is wrong with the kept state, or had to be set aside since the daemon started.',
        }),
      })
      .openapi({ description: 'The kept state.' }),
  })
  .openapi('Switch');

export const switchPatch = strictObject(
  {
    ...optional(settingsFields),
    reservedAddresses: strictObject(optional(reservedFields))
      .optional()
      .openapi({ description: `${RESERVED_GROUP_TEXT} A list that is left out stays.` }),
  },
  {
    workers: 'is set when the daemon starts',
    ffi: 'is only shown',
    tapIo: 'is set when the daemon starts',
    version: 'is only shown',
    state: 'is only shown',
  },
).openapi('SwitchPatch');
