/** Where the C library looks for hosts, with /etc/hosts first. */

import { expect, test } from "bun:test";
import { filesFirst } from "#wire/files-first.ts";

test.each([
  ["hosts: files dns\n", undefined],
  ["passwd: files\nhosts:\tfiles [NOTFOUND=return] dns # as it is\n", undefined],
  ["hosts: files[NOTFOUND=return]", undefined],
  [
    "passwd: files\nhosts: mymachines resolve [!UNAVAIL=return] files dns\nnetworks: files\n",
    "passwd: files\nhosts: files mymachines resolve [!UNAVAIL=return] files dns\nnetworks: files\n",
  ],
  ["hosts:dns # files\n", "hosts: files dns # files\n"],
  ["hosts: filesystem dns", "hosts: files filesystem dns"],
  ["# hosts: files\npasswd: files", "hosts: files dns\n# hosts: files\npasswd: files"],
])("%j", (text, changed) => expect(filesFirst(text)).toBe(changed));
