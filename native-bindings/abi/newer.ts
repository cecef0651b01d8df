/**
 * What a module of this folder lists beside its numbers: those that the kernel headers of Debian 12 (Linux 6.1) do not
 * know, so that the compiler cannot check them there. A kernel older than `since` refuses them: probe before use.
 */
export type Newer = Readonly<
  Record<
    string,
    {
      readonly value: number;
      /** Linux release. */
      readonly since: string;
      /** The kernel header that has it. */
      readonly source: string;
    }
  >
>;
