/** Folders that dockerd, containerd and tswitch make where the machine has none, and leave: removed after a run that found none. */
import { existsSync, rmdirSync } from 'node:fs';

/** The inner ones first. */
const FOLDERS = ['/run/docker/plugins', '/run/docker', '/run/containerd/s', '/run/containerd'];

let absent: readonly string[] = [];

export function setup(): void {
  absent = FOLDERS.filter((folder) => !existsSync(folder));
}

export function teardown(): void {
  for (const folder of absent) {
    try {
      rmdirSync(folder);
    } catch {
      // It was not made, or another run uses it.
    }
  }
}
