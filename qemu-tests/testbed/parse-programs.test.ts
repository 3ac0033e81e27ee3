import { describe, expect, test } from "vitest";
import { parsePrograms } from "./parse-programs.ts";

const TEXT = `
programs:
  - name: k3s
    folder: standin
    guestPath: /usr/bin/k3s
    links: [/usr/bin/kubectl]
    standIn: true
  - name: pause
    folder: standin
    package: ./cmd/pause
    image: { ref: "rancher/mirrored-pause:3.10.2", path: /pause, user: "65535:65535" }
`;

describe("parsePrograms", () => {
  test("fills in what is left out", () => {
    const [k3s, pause] = parsePrograms(TEXT, "programs.yaml");
    expect(k3s).toMatchObject({ package: ".", cgo: false, tags: [], links: ["/usr/bin/kubectl"], standIn: true });
    expect(pause?.image).toStrictEqual({ ref: "rancher/mirrored-pause:3.10.2", path: "/pause", user: "65535:65535", labels: {} });
  });

  test.each([
    ["a key that is not known", TEXT.replace("standIn: true", "standin: true"), "standin"],
    ["a program that goes nowhere", "programs: [{ name: a, folder: a }]", "needs a guestPath"],
    ["two of one name", "programs: [{ name: a, folder: a, guestPath: /a }, { name: a, folder: b, guestPath: /b }]", "one name"],
    ["an image without a tag", "programs: [{ name: a, folder: a, image: { ref: rancher/pause, path: /pause } }]", "name:tag"],
  ])("refuses %s", (_, text, words) => {
    expect(() => parsePrograms(text, "programs.yaml")).toThrow(
      expect.objectContaining({ problems: expect.arrayContaining([expect.stringContaining(words)]) }),
    );
  });
});
