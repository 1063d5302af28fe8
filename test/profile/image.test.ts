/** Names of images: the usual forms, and nothing with which a name could say more. */

import { describe, expect, test } from "bun:test";
import { isImage } from "#profile/values/image.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("isImage", () => {
  test("takes what registries have", () => {
    const names = [
      "busybox",
      "alpine/socat:1.8.0.3",
      `alpine/socat:1.8.0.3@${digest}`,
      `alpine/socat@${digest}`,
      "registry.example.com:5000/team/a_b/c--d:v1_2.3-x",
      "localhost:5000/app",
      "kt.test/jump:1",
      "123456789012.dkr.ecr.eu-west-1.amazonaws.com/socat:1",
    ];
    expect(names.filter((name) => !isImage(name))).toEqual([]);
  });

  test("refuses the rest", () => {
    const names = ["", " ", "Alpine", "alpine socat", "a;b", "$(id)", "a:b:c", "a@sha256:12", "/a", "a/", "a//b", "-a", "a:", "a\nb", "ä"];
    expect(names.filter(isImage)).toEqual([]);
    expect(isImage("a".repeat(513))).toBe(false);
  });
});
