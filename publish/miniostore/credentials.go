package miniostore

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"datestone/publish/internal/s3wire"
)

// findCredentials returns the credentials of the first provider that has some,
// and what they are, for messages. minio-go would go on without any: what is
// published is not published by everyone.
func findCredentials() (creds *credentials.Credentials, described string, err error) {
	var tried []string
	for _, p := range providers() {
		tried = append(tried, p.name)
		creds := credentials.New(p.Provider)
		if got, err := creds.GetWithContext(nil); err == nil && got.AccessKeyID != "" && got.SecretAccessKey != "" {
			return creds, s3wire.DescribeKey(got.AccessKeyID, p.name), nil
		}
	}
	return nil, "", fmt.Errorf("no credentials found: tried %s", strings.Join(tried, ", "))
}

type provider struct {
	name string
	credentials.Provider
}

func providers() []provider {
	all := []provider{
		{"the environment (MINIO_ROOT_USER or MINIO_ACCESS_KEY)", &credentials.EnvMinio{}},
		{"the environment (AWS_ACCESS_KEY_ID)", &credentials.EnvAWS{}},
		{"the profile (AWS_PROFILE, ~/.aws/credentials)", &credentials.FileAWSCredentials{}},
	}
	if hasRole() {
		// A machine that has no roles may not answer at all.
		const patience = 5 * time.Second
		all = append(all, provider{"the role of the container or machine", &credentials.IAM{Client: &http.Client{Timeout: patience}}})
	}
	return all
}

// hasRole reports whether a role is to be asked for: unless the user keeps
// SDKs from asking the machine, by a variable that Amazon's heed and minio-go
// does not, and no container names its own.
func hasRole() bool {
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return !strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true")
}
