/** A program of the module proxy, or one of a few lines that needs what is there. */
export interface RealProgram {
  readonly shape: string;
  readonly entry: Readonly<Record<string, unknown>>;
  /** Source to take instead of the module's own zip. */
  readonly source?: Readonly<Record<string, string>>;
}

/** Programs of different shape, by name. */
export const PROGRAMS: Readonly<Record<string, RealProgram>> = {
  lint: {
    shape: "a pseudo-version, and a go.mod from before graph pruning, so that bare go.mod files are read",
    entry: { module: "golang.org/x/lint", version: "v0.0.0-20210508222113-6edffad5e616", packages: ["./golint"] },
  },
  staticcheck: {
    shape: "capitals in paths, pseudo-versions among the modules",
    entry: { module: "honnef.co/go/tools", version: "v0.6.1", packages: ["./cmd/staticcheck"] },
  },
  yq: { shape: "a path with a major version", entry: { module: "github.com/mikefarah/yq/v4", version: "v4.47.1" } },
  kustomize: {
    shape: "a module in a sub-directory of its repository, beside others",
    entry: { module: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.7.1" },
  },
  crane: {
    shape: "+incompatible modules, vendored upstream",
    entry: { module: "github.com/google/go-containerregistry", version: "v0.20.6", packages: ["./cmd/crane"] },
  },
  runc: {
    shape: "cgo, build tags, files for one architecture only",
    entry: { module: "github.com/opencontainers/runc", version: "v1.4.2", tags: ["seccomp", "apparmor"], cgo: true },
  },
  "cni-plugins": {
    shape: "many programs at once",
    entry: { module: "github.com/containernetworking/plugins", version: "v1.9.1", packages: ["./plugins/..."] },
  },
  replaces: {
    shape: "many replaces: to another path, to another version, two versions of one path",
    entry: { git: "https://example.com/replaces", version: "v1.0.0" },
    source: {
      "main.go": [
        "package main",
        "import (",
        ...[
          "github.com/BurntSushi/toml",
          "rsc.io/quote",
          "rsc.io/sampler",
          "example.com/older/sampler",
          "github.com/pkg/errors",
          "gopkg.in/yaml.v3",
          "golang.org/x/text/language",
        ].map((path) => `\t_ "${path}"`),
        ")",
        "func main() {}",
        "",
      ].join("\n"),
      "go.mod": `module example.com/replaces

go 1.24.0

require (
	example.com/older/sampler v0.0.0
	github.com/BurntSushi/toml v1.0.0
	github.com/pkg/errors v0.8.0
	golang.org/x/text v0.3.0
	gopkg.in/yaml.v3 v3.0.0
	rsc.io/quote v1.5.1
	rsc.io/sampler v1.3.0
)

replace (
	example.com/older/sampler v0.0.0 => rsc.io/sampler v1.3.0
	github.com/BurntSushi/toml => github.com/BurntSushi/toml v1.5.0
	github.com/pkg/errors v0.8.0 => github.com/pkg/errors v0.9.1
	golang.org/x/text => golang.org/x/text v0.28.0
	gopkg.in/yaml.v3 => go.yaml.in/yaml/v3 v3.0.4
	rsc.io/quote => rsc.io/quote v1.5.2
	rsc.io/sampler => rsc.io/sampler v1.3.1
)
`,
    },
  },
  prefix: {
    shape: "a module that links nothing, whose path is a prefix of an imported package's path",
    entry: { git: "https://example.com/prefix", version: "v1.0.0" },
    source: {
      "main.go": 'package main\n\nimport _ "golang.zx2c4.com/wireguard/wgctrl"\n\nfunc main() {}\n',
      "go.mod": `module example.com/prefix

go 1.24.0

require (
	golang.zx2c4.com/wireguard v0.0.0-20231211153847-12269c276173
	golang.zx2c4.com/wireguard/wgctrl v0.0.0-20241231184526-a9ab2273dd10
)
`,
    },
  },
};
