package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// quietEnv is an env whose output can be looked at.
func quietEnv() (e *env, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &env{Stdout: stdout, Stderr: stderr, Now: time.Now, LookupEnv: os.LookupEnv}, stdout, stderr
}

// allCommands returns every command by its words.
func allCommands(app *cli.App) map[string]*cli.Command {
	all := map[string]*cli.Command{}
	for _, c := range app.Commands {
		all[c.Name] = c
		for _, below := range c.Subcommands {
			all[c.Name+" "+below.Name] = below
		}
	}
	return all
}

// TestManuals wants of every command what the style guide asks for.
func TestManuals(t *testing.T) {
	t.Parallel()
	e, _, _ := quietEnv()
	for name, c := range allCommands(newApp(e)) {
		if strings.HasSuffix(c.Usage, ".") || c.Usage == "" || strings.Contains(c.Usage, "\n") {
			t.Errorf("%s: usage %q, want one sentence without a full stop", name, c.Usage)
		}
		if len(c.Subcommands) > 0 {
			continue
		}
		examples := regexp.MustCompile(`(?m)^[12]\. .*\n   > .*`).FindAllString(c.Description, -1)
		if len(examples) != 2 || len(c.Description) < 40 {
			t.Errorf("%s: %d numbered examples, want 2:\n%s", name, len(examples), c.Description)
		}
		for _, line := range examples {
			if !strings.Contains(line, "datestone ") {
				t.Errorf("%s: example without datestone: %s", name, line)
			}
		}
	}
}

// TestFlagsHaveVariables wants for every flag, but help, the variable
// DATESTONE_NAME, and that a flag means the same wherever it is.
func TestFlagsHaveVariables(t *testing.T) {
	t.Parallel()
	e, _, _ := quietEnv()
	app := newApp(e)
	global := map[string]bool{}
	check := func(where string, flags []cli.Flag) {
		for _, f := range flags {
			name := f.Names()[0]
			if name == "help" || where != "" && global[name] {
				continue
			}
			want := "DATESTONE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
			if got := f.(cli.DocGenerationFlag).GetEnvVars(); !slices.Contains(got, want) {
				t.Errorf("%s --%s: variables %q, want %s", where, name, got, want)
			}
			if !regexp.MustCompile(`^[a-z]+[0-9]*(-[a-z]+)*$`).MatchString(name) {
				t.Errorf("%s --%s: want lower case, digits and hyphens", where, name)
			}
		}
	}
	check("", app.Flags)
	for _, f := range app.Flags {
		global[f.Names()[0]] = true
	}
	for name, c := range allCommands(app) {
		check(name, c.Flags)
	}
}

// TestGlobalFlags wants the place nearest to the end to count.
func TestGlobalFlags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   string
		config string
		quiet  bool
		format string
	}{
		"defaults":         {"version", defaultConfig, false, "text"},
		"before":           {"--config a --quiet --log-format json version", "a", true, "json"},
		"behind":           {"version -c b -q --log-format json", "b", true, "json"},
		"both":             {"-c a version -c b", "b", false, "text"},
		"before and quiet": {"-c a version -q", "a", true, "text"},
	} {
		e, _, stderr := quietEnv()
		code := run(t.Context(), append([]string{"datestone"}, strings.Fields(c.args)...), e)
		if code != 0 || e.ConfigFile != c.config || e.Quiet != c.quiet || e.LogFormat != c.format {
			t.Errorf("%s: code %d, config %q, quiet %t, format %q; want 0, %q, %t, %q\n%s", name,
				code, e.ConfigFile, e.Quiet, e.LogFormat, c.config, c.quiet, c.format, stderr)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	e, _, stderr := quietEnv()
	e.LogFormat = "text"
	log := newLog(e).With("repo", "a b").WithGroup("store")
	log.Info("checkpoint committed", "objects", 4, "took", 2*time.Second, "empty", "")
	log.Debug("not to be seen")
	log.Warn("slow", "line", "a\nb", "wrong", io.EOF)
	want := "datestone: checkpoint committed repo=\"a b\" store.objects=4 store.took=2s store.empty=\"\"\n" +
		"datestone: warn: slow repo=\"a b\" store.line=\"a\\nb\" store.wrong=EOF\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestProgressLines(t *testing.T) {
	t.Parallel()
	e, _, stderr := quietEnv()
	clock := time.Unix(0, 0)
	e.Now = func() time.Time { return clock }
	p := newProgress(e)
	p.Add(5) // nothing has started
	p.Start("debian", 2_500_000)
	p.Add(1000)
	clock = clock.Add(progressEvery)
	p.Add(499_000)
	p.Add(1_000_000)
	p.Done()
	p.Start("more", -1)
	p.Add(228)
	p.Done()
	p.Done() // nothing is under way
	p.Start("one", 1000)
	p.Start("other", 500)
	p.Add(700)
	p.Done()
	p.Add(800)
	p.Done()
	want := "datestone: debian: 500.0 kB of 2.5 MB\ndatestone: debian: 1.5 MB of 2.5 MB\ndatestone: more: 228 Bytes\n" +
		"datestone: 2 repositories: 1.5 kB of 1.5 kB\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestProgressOnATerminalAndQuiet(t *testing.T) {
	t.Parallel()
	draw := func(change func(*env)) string {
		e, stdout, stderr := quietEnv()
		change(e)
		p := newProgress(e)
		p.Start("debian", 1000)
		time.Sleep(110 * time.Millisecond) // the bar's own pace
		p.Add(500)
		p.Done()
		return stdout.String() + stderr.String()
	}
	if got := draw(func(e *env) { e.IsTerminal = true }); !strings.Contains(got, "debian") || !strings.Contains(got, "50%") {
		t.Errorf("on a terminal: %q, want a bar", got)
	}
	if got := draw(func(e *env) { e.IsTerminal, e.Quiet = true, true }); got != "" {
		t.Errorf("with --quiet: %q, want nothing", got)
	}
	if got := draw(func(e *env) { e.LogFormat = "json" }); got != "" {
		t.Errorf("with a log for machines: %q, want nothing", got)
	}
}

// TestLogAboveBar wants a line of the log to begin where nothing of the bar is
// left, and the bar drawn again below it.
func TestLogAboveBar(t *testing.T) {
	t.Parallel()
	e, _, stderr := quietEnv()
	e.IsTerminal = true
	p := newProgress(e)
	p.Start("debian", 1000)
	time.Sleep(110 * time.Millisecond) // the bar's own pace
	p.Add(500)
	drawn := stderr.Len()
	newLog(e).Warn("slow")
	time.Sleep(110 * time.Millisecond)
	p.Add(250)
	after := stderr.String()[drawn:]
	wiped, below, found := strings.Cut(after, "datestone: warn: slow\n")
	if !found || strings.Trim(wiped, " \r\x1b[2K") != "" || !strings.Contains(below, "75%") {
		t.Errorf("got %q, want the bar wiped, the line, the bar", after)
	}
	p.Done()
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	words := []string{"resolve", "redirects", "run", "list"}
	for in, want := range map[string]string{"resolv": "resolve", "reslove": "resolve", "rnu": "run", "lsit": "list",
		"redirect": "redirects", "x": "", "": "", "something": ""} {
		if want != "" {
			want = "; did you mean \"" + want + "\"?"
		}
		if got := didYouMean(in, words); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestCompletion lets a real shell complete.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for shell, check := range map[string]string{"bash": "-n", "zsh": "-n", "fish": "--no-execute"} {
		e, stdout, _ := quietEnv()
		if code := run(t.Context(), []string{"datestone", "completion", shell}, e); code != 0 || stdout.Len() == 0 {
			t.Fatalf("%s: exit code %d, %d bytes", shell, code, stdout.Len())
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not here: its script is not tried", shell)
			continue
		}
		c := exec.Command(program, check)
		c.Stdin = stdout
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s %s: %v\n%s", shell, check, err, out)
		}
	}
}

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not here")
	}
	e, stdout, _ := quietEnv()
	run(t.Context(), []string{"datestone", "completion", "bash"}, e)
	for typed, want := range map[string]string{
		"datestone pr":                       "promote prune",
		"datestone --quiet reso":             "resolve",
		"datestone redirects re":             "render",
		"datestone redirects render --ta":    "--target --table",
		"datestone list --j":                 "--json",
		"datestone serve --json --lis":       "--listen",
		"datestone redirects render list --": "--target --table --out --json --config --quiet --verbose --log-format --help",
	} {
		script := stdout.String() + "\nCOMP_WORDS=(" + typed + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_datestone\necho \"${COMPREPLY[*]}\"\n"
		out, err := exec.Command(bash, "-c", script).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q completes to %q (%v), want %q", typed, got, err, want)
		}
	}
}
