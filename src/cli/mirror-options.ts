/** The flags of a port's mirror, and the field of the request that they make together. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { MIRROR_BYTES_MAX, MIRROR_BYTES_MIN } from '../control/capture/mirror-request.ts';
import { MIRROR_DIRECTIONS } from '../control/model.ts';
import type { CaptureDirection, MirrorRequest, PortMirror } from '../control/model.ts';
import { UsageError } from './errors.ts';
import { formatVidList, parseSize, parseVidList } from './values.ts';

interface MirrorFlags {
  mirror?: 'none';
  mirrorTo?: string;
  mirrorFile?: string;
  mirrorDirection?: CaptureDirection;
  mirrorVlans?: number[];
  mirrorMaxSize?: number;
}

export function addMirrorOptions(command: Command): Command {
  return command
    .option('--mirror-to <port>', 'copy what enters and leaves to this port')
    .addOption(
      new Option('--mirror-file <file>', 'copy it into a pcapng file, which the daemon writes').conflicts('mirrorTo'),
    )
    .addOption(new Option('--mirror-direction <which>', 'copy only what enters, or leaves').choices(MIRROR_DIRECTIONS))
    .option('--mirror-vlans <list>', 'copy only frames of these VLANs, like 10,20-30, or all', parseVidList)
    .option(
      '--mirror-max-size <size>',
      'at this size FILE becomes FILE.1 and a new one begins, like 1G (default: 128M)',
      parseSize(MIRROR_BYTES_MIN, MIRROR_BYTES_MAX),
    )
    .addOption(
      new Option('--mirror <none>', 'none: copy nothing any more')
        .choices(['none'])
        .conflicts(['mirrorTo', 'mirrorFile', 'mirrorDirection', 'mirrorVlans', 'mirrorMaxSize']),
    );
}

/** Whether flags that only say how to copy need to know what is copied where now. */
export function changesMirror(flags: object): boolean {
  const { mirror, mirrorTo, mirrorFile, ...rest }: MirrorFlags = flags;
  const isWhole = mirror !== undefined || mirrorTo !== undefined || mirrorFile !== undefined;
  return !isWhole && ['mirrorDirection', 'mirrorVlans', 'mirrorMaxSize'].some((flag) => flag in rest);
}

/**
 * The request's fields: the flags of the mirror become one.
 *
 * @param before the mirror that the port has, for flags that only change it
 */
export function withMirror<Flags extends object>(flags: Flags, before: PortMirror | null = null) {
  const given: MirrorFlags & Flags = flags;
  const { mirror, mirrorTo, mirrorFile, mirrorDirection, mirrorVlans, mirrorMaxSize, ...rest } = given;
  if (mirror === 'none') return { ...rest, mirror: null };
  const how: MirrorRequest = {
    ...(mirrorDirection === undefined ? {} : { direction: mirrorDirection }),
    ...(mirrorVlans === undefined ? {} : { vlans: mirrorVlans }),
    ...(mirrorMaxSize === undefined ? {} : { maxBytes: mirrorMaxSize }),
  };
  if (mirrorTo !== undefined) return { ...rest, mirror: { port: mirrorTo, ...how } };
  if (mirrorFile !== undefined) return { ...rest, mirror: { file: mirrorFile, ...how } };
  if (Object.keys(how).length === 0) return rest;
  if (before === null) {
    throw new UsageError('say where the copies go: --mirror-to PORT or --mirror-file FILE');
  }
  return { ...rest, mirror: { ...before, ...how } };
}

/** `to monitor, rx, VLANs 10`. */
export function mirrorWords(mirror: PortMirror | null): string {
  if (mirror === null) return 'none';
  const { port, file, direction, vlans } = mirror;
  const where = port === null ? `into ${file}` : `to ${port}`;
  const which = direction === 'both' ? [] : [direction];
  const of = vlans.length === 0 ? [] : [`VLANs ${formatVidList(vlans)}`];
  return [where, ...which, ...of].join(', ');
}
