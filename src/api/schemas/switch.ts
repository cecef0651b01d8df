/** VLANs, the FDB, the switch's own settings and its statistics as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import {
  AGEING_SECONDS_DEFAULT,
  AGEING_SECONDS_MAX,
  AGEING_SECONDS_MIN,
  FDB_LIMIT_DEFAULT,
  FDB_LIMIT_MAX,
  VID_MAX,
  VID_MIN,
} from '../../limits.ts';
import { count, integer, integerText, list, oneOf, portName, strictObject, vid } from './common.ts';
import { dropCounts, portStats } from './port.ts';

export const FDB_PAGE_ENTRIES_MAX = 10_000;
export const FDB_PAGE_ENTRIES_DEFAULT = 1000;
const CURSOR_CHARACTERS_MAX = 256;
const RESERVED_ADDRESS = /^01:80:c2:00:00:0[0-9a-f]$/;
const RESERVED_ADDRESSES = 16;

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

const fdbKind = oneOf(['dynamic']).openapi({ description: '`dynamic`: learned from a frame, ages.' });

export const fdbEntry = z
  .object({
    mac: z.string().openapi({ description: 'MAC address, lower case.', example: '02:00:00:00:00:01' }),
    vlan: vid,
    port: portName,
    kind: fdbKind,
    ageSeconds: z.number().min(0).openapi({ description: 'Seconds since a frame from this address was last seen.' }),
  })
  .openapi('FdbEntry');

export const fdbQuery = strictObject({
  port: portName.optional(),
  vlan: integerText(VID_MIN, VID_MAX).optional().openapi({ description: 'Only entries of this VLAN.' }),
  kind: fdbKind.optional(),
  limit: integerText(1, FDB_PAGE_ENTRIES_MAX)
    .default(FDB_PAGE_ENTRIES_DEFAULT)
    .openapi({
      description: `Entries of one page, 1 to ${FDB_PAGE_ENTRIES_MAX}.`,
    }),
  cursor: z
    .string({ error: 'must be given once' })
    .max(CURSOR_CHARACTERS_MAX, 'is no cursor that this route gave')
    .optional()
    .openapi({ description: '`nextCursor` of the page before.' }),
});

export const fdbPage = z
  .object({
    entries: z.array(fdbEntry),
    total: count('Entries that match the filters, over all pages.'),
    nextCursor: z
      .string()
      .nullable()
      .openapi({ description: 'Give it as `cursor` to get the next page; null: the last.' }),
  })
  .openapi('FdbPage');

export const fdbFlush = strictObject({
  port: portName.optional(),
  vlan: vid.optional(),
  kind: fdbKind.optional(),
}).openapi('FdbFlush');

export const fdbFlushed = z.object({ removed: count('Entries removed.') }).openapi('FdbFlushed');

const settingsFields = {
  ageingSeconds: integer(AGEING_SECONDS_MIN, AGEING_SECONDS_MAX).openapi({
    description: `Seconds without a frame after which a learned address is forgotten, ${AGEING_SECONDS_MIN} to ${AGEING_SECONDS_MAX}; ${AGEING_SECONDS_DEFAULT} by default (IEEE 802.1Q-2022, table 8-6).`,
    example: AGEING_SECONDS_DEFAULT,
  }),
  fdbLimit: integer(1, FDB_LIMIT_MAX).openapi({
    description: `Entries that the FDB holds at most, 1 to ${FDB_LIMIT_MAX}; a full one still learns every new source and gives up an old entry for it.`,
    example: FDB_LIMIT_DEFAULT,
  }),
};

const RESERVED_GROUP_TEXT = 'What is done with the addresses that bridges reserve (IEEE 802.1Q-2022, table 8-1).';
const RESERVED_TEXT =
  'Addresses 01:80:c2:00:00:00 to 01:80:c2:00:00:0f that are forwarded like any group address; the others of this range are dropped (RESERVED_ADDRESS). None by default.';

export const switchView = z
  .object({
    ...settingsFields,
    reservedAddresses: z
      .object({
        forward: z.array(z.string()).openapi({ description: RESERVED_TEXT, example: ['01:80:c2:00:00:0e'] }),
      })
      .openapi({ description: RESERVED_GROUP_TEXT }),
    workers: count('Worker threads that forward frames.'),
    ffi: z.enum(['koffi', 'ffi-rs']).openapi({ description: 'The library through which the kernel is called.' }),
    version: z.string().openapi({ description: 'Version of the daemon.' }),
  })
  .openapi('Switch');

const reservedAddress = z
  .string({ error: 'must be a MAC address' })
  .toLowerCase()
  .regex(RESERVED_ADDRESS, 'must be an address from 01:80:c2:00:00:00 to 01:80:c2:00:00:0f');

export const switchPatch = strictObject(
  {
    ageingSeconds: settingsFields.ageingSeconds.optional(),
    fdbLimit: settingsFields.fdbLimit.optional(),
    reservedAddresses: strictObject({
      forward: list(reservedAddress, RESERVED_ADDRESSES)
        .transform((addresses) => [...new Set(addresses)].sort())
        .openapi({ type: 'array', description: RESERVED_TEXT, example: ['01:80:c2:00:00:0e'] }),
    })
      .optional()
      .openapi({ description: RESERVED_GROUP_TEXT }),
  },
  { workers: 'is set when the daemon starts', ffi: 'is only shown', version: 'is only shown' },
).openapi('SwitchPatch');

const workerView = z
  .object({
    worker: count('Number of the worker, from 0.'),
    state: z.enum(['running', 'asleep', 'hung']).openapi({
      description: '`running`; `asleep`: nothing to do; `hung`: it gives no sign of life and is about to be replaced.',
    }),
    restarts: count('How often it was replaced.'),
    turns: count('Turns of the loop that moved at least one frame.'),
  })
  .openapi('Worker');

export const statsView = z
  .object({
    totals: z
      .object({
        rx: count('Frames taken from all ports.'),
        forwarded: count('Frames sent to one known port.'),
        flooded: count('Frames flooded; each is one, whatever the number of its copies.'),
        floodCopies: count('Copies made by flooding.'),
        dropped: count('Frames that ended before any copy was to be sent.'),
        tx: count('Frames sent by all ports.'),
        txDropped: count('Copies dropped at the egress port.'),
      })
      .openapi({
        description: 'At rest: rx = forwarded + flooded + dropped, and forwarded + floodCopies = tx + txDropped.',
      }),
    ports: z.record(z.string(), portStats).openapi({ description: 'By port name.' }),
    drops: dropCounts,
    workers: z.array(workerView),
  })
  .openapi('Stats');
