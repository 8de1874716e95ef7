package miniostore

import (
	"os"
	"strings"
)

// metadataDisabled reports whether the user keeps SDKs from asking the machine
// for its role, with the variable that Amazon's SDKs heed and minio-go does not.
func metadataDisabled() bool {
	return strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true")
}
