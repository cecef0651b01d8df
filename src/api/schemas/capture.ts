/** Captures and mirrors as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { CAPTURE_LIMITS, SNAPLEN_DEFAULT, SNAPLEN_MAX, SNAPLEN_MIN } from '../../control/capture/capture-request.ts';
import { FILTER_CHARACTERS_MAX } from '../../control/capture/filter-text.ts';
import {
  MIRROR_BYTES_DEFAULT,
  MIRROR_BYTES_MAX,
  MIRROR_BYTES_MIN,
  MIRROR_FILE_BYTES_MAX,
} from '../../control/capture/mirror-request.ts';
import { CAPTURE_ENDS, CAPTURE_STATES, MIRROR_DIRECTIONS } from '../../control/model.ts';
import { PORTS_MAX, VID_MAX } from '../../limits.ts';
import { boundFields } from './bounds.ts';
import { count, flag, integer, list, moment, oneOf, optional, portName, strictObject, text, vid } from './common.ts';

const direction = oneOf(MIRROR_DIRECTIONS).openapi({
  description: '`rx`: what enters by a port; `tx`: what leaves by it; `both` (default).',
});
const vlans = list(vid, VID_MAX).openapi({
  description:
    'Only frames that the switch put into one of these VLANs (those that got none: whose outer tag has such a VID), ascending; empty (default): all.',
  example: [10],
});

const mirrorFields = {
  port: portName.nullable().openapi({
    description:
      'The port that gets the copies; it must be there. While it is down or lost they are dropped and counted; when it is removed, the mirror is taken off (event `mirror.ended`). Null: `file` gets them.',
    example: 'monitor',
  }),
  file: text('the path of a file', MIRROR_FILE_BYTES_MAX).nullable().openapi({
    description:
      'The pcapng file that gets the copies, written by the daemon (mode 0600): a whole path that ends in `.pcapng`. What is there already becomes FILE.1; a file that is no capture is never touched. Null: `port` gets them.',
    example: '/var/log/tswitch/red.pcapng',
  }),
  direction,
  vlans,
  maxBytes: integer(MIRROR_BYTES_MIN, MIRROR_BYTES_MAX)
    .nullable()
    .openapi({
      description: `Size in bytes at which the file becomes FILE.1, in place of the one before, and a new one begins; ${MIRROR_BYTES_MIN} to ${MIRROR_BYTES_MAX}, ${MIRROR_BYTES_DEFAULT} by default. Null with \`port\`.`,
      example: MIRROR_BYTES_DEFAULT,
    }),
};

export const mirrorView = z.object(mirrorFields).openapi('PortMirror');
export const mirrorRequest = strictObject(optional(mirrorFields)).openapi('PortMirrorRequest');

const askedFields = {
  ports: list(portName, PORTS_MAX).openapi({
    description: 'Names of ports; empty (default): all, also those that are added while it runs.',
    example: ['red'],
  }),
  vlans,
  direction,
  drops: flag().openapi({
    description:
      'True: only frames that are dropped, on arrival or at the port that they were to leave by, each with the reason in its comment. False (default): what enters and leaves.',
  }),
  filter: text('a filter', FILTER_CHARACTERS_MAX).nullable().openapi({
    description:
      'Only frames that it fits, in the words of tcpdump: `arp`, `ip`, `ip6`, `icmp`, `icmp6`, `tcp`, `udp`, `sctp`, `[src|dst] host IP`, `[src|dst] net CIDR`, `[src|dst] port N[-M]`, `ether [src|dst] MAC`, `ethertype N`, `proto N`, `vlan N`, `broadcast`, `multicast`, with `and`, `or`, `not` and brackets. Null (default): all.',
    example: 'tcp port 443 and host 10.0.0.2',
  }),
  snaplen: integer(SNAPLEN_MIN, SNAPLEN_MAX).openapi({
    description: `Bytes of each frame that are kept at most, ${SNAPLEN_MIN} to ${SNAPLEN_MAX} (all of any frame); ${SNAPLEN_DEFAULT} by default: frames of the usual MTU whole, of longer ones and super-frames the beginning.`,
    example: 128,
  }),
  ...boundFields(CAPTURE_LIMITS, { count: '', bytes: '', seconds: 60 }),
};

export const captureRequest = strictObject(optional(askedFields)).openapi('CaptureRequest');

export const captureId = z.string().openapi({ description: 'Id of the capture.', example: '9f86d081884c7d65' });

export const captureView = z
  .object({
    id: captureId,
    state: z.enum(CAPTURE_STATES).openapi({
      description: '`waiting` for its reader, `running` or `ended`.',
    }),
    ...askedFields,
    started: moment.nullable().openapi({ description: 'When it began to run; null: not yet.' }),
    ended: moment.nullable().openapi({ description: 'When it ended; null: not yet.' }),
    reason: z.enum(CAPTURE_ENDS).nullable().openapi({
      description:
        'Why it ended: `stopped` by somebody; it has got its `count`, its `seconds`, its `maxBytes` (`size`); its `reader` went away; it `failed` (the log says why); the `daemon` ended. Null: it has not.',
    }),
    frames: count('Frames captured.'),
    bytes: count('Bytes of pcapng that they took.'),
    missed: count('Frames that came faster than they were taken, and are missing.'),
  })
  .openapi('Capture');
