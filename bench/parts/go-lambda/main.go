// The smallest function with Lambda's client for Go.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	lambda.Start(func(ctx context.Context, event any) (map[string]string, error) {
		known, _ := lambdacontext.FromContext(ctx)
		return map[string]string{"id": known.AwsRequestID}, nil
	})
}
