# The course in JupyterLab, for one student. No Docker engine was there to try it; what RUN and CMD
# say was run in a plain environment: tests/test_away.py.
#
#   docker build --tag mugrade .
#   docker run --rm --publish 127.0.0.1:8888:8888 --volume mugrade:/home/student/course mugrade
FROM python:3.13-slim

COPY pyproject.toml README.md LICENSE /src/
COPY mugrade /src/mugrade
COPY notebooks /src/notebooks
RUN python -m pip install --no-cache-dir "/src[lab]"

# The folder is there so that a new volume belongs to the student.
RUN useradd --create-home --uid 1000 student && install --directory --owner student /home/student/course
USER student
WORKDIR /home/student

EXPOSE 8888
CMD ["sh", "-c", "mugrade start course; exec mugrade lab course -- --ip=0.0.0.0 --no-browser"]
